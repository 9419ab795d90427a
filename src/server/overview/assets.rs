//! The page in one piece, and the policy that lets a browser run that piece and nothing else.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderValue;
use sha2::{Digest as _, Sha256};

/// Put together on first use. The parts are files of their own, so that the page can be worked on with a browser.
pub(super) static ASSETS: LazyLock<Assets> = LazyLock::new(Assets::new);

/// What is served at `/`.
#[derive(Debug)]
pub(super) struct Assets {
    pub(super) html: Bytes,
    /// `Content-Security-Policy`.
    pub(super) security_policy: HeaderValue,
}

const HTML: &str = include_str!("index.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
const LINK_TO_STYLE: &str = "<link rel=\"stylesheet\" href=\"style.css\">";
const LINK_TO_SCRIPT: &str = "<script src=\"script.js\"></script>";

impl Assets {
    fn new() -> Self {
        let html = HTML
            .replace(LINK_TO_STYLE, &format!("<style>{STYLE}</style>"))
            .replace(LINK_TO_SCRIPT, &format!("<script>{SCRIPT}</script>"));
        // Hashes are ASCII, so the policy is a header; were it none, a browser should run nothing.
        let security_policy = HeaderValue::try_from(security_policy())
            .unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Self {
            html: html.into(),
            security_policy,
        }
    }
}

/// The one style, the one script, `/stats` of this server, and the icon that stands in the page.
fn security_policy() -> String {
    let (style, script) = (source(STYLE), source(SCRIPT));
    format!(
        "default-src 'none'; style-src {style}; script-src {script}; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// Text that may stand in the page, by its hash.
fn source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_in_one_piece() {
        let html = str::from_utf8(&ASSETS.html).unwrap();
        for part in [STYLE, SCRIPT] {
            assert_eq!(html.matches(part).count(), 1);
        }
        for reference in ["src=", "href=", "url(", "@import", "http:", "https:"] {
            for place in html.split(reference).skip(1) {
                let known =
                    place.starts_with("\"data:") || place.starts_with("//www.w3.org/2000/svg");
                assert!(known, "{reference}{}", place.lines().next().unwrap());
            }
        }
    }

    /// Were there another, its hash would be missing and a browser would not run it.
    #[test]
    fn there_is_one_style_one_script_and_no_style_or_handler_of_an_element() {
        let html = str::from_utf8(&ASSETS.html).unwrap();
        assert_eq!(html.matches("<style").count(), 1);
        assert_eq!(html.matches("<script").count(), 1);
        for attribute in HTML.split_whitespace() {
            let handled = attribute.starts_with("style=") || attribute.starts_with("on");
            assert!(!handled, "{attribute}");
        }
    }

    #[test]
    fn texts_get_onto_the_page_as_text() {
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "new Function",
        ] {
            assert!(!SCRIPT.contains(way), "the script uses {way}");
        }
    }

    #[test]
    fn the_page_is_ascii_and_short() {
        assert!(ASSETS.html.is_ascii());
        assert!(ASSETS.html.len() < 48 << 10, "{} bytes", ASSETS.html.len());
    }
}
