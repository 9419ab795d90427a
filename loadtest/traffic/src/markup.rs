//! Makes markup: HTML, VAST and native, with macros, in lines until it is long enough.

use crate::auction::{Imp, Kind};
use crate::json::Json;
use crate::random::Random;

/// Markup of about `bytes` bytes as a JSON string of `json`'s dialect.
pub(crate) fn write(imp: &Imp, bytes: usize, json: &Json, random: &mut Random) -> String {
    let (open, close) = match imp.kind {
        Kind::Banner => (html_open(imp, random), "</div>\n"),
        Kind::Video => (vast_open(random), VAST_CLOSE),
        Kind::Native => (native_open(random), "]}}"),
    };
    let mut markup = open;
    let mut length = json_length(&markup, json) + json_length(close, json);
    for number in 0.. {
        let line = match imp.kind {
            Kind::Banner => html_line(number, random),
            Kind::Video => vast_line(random),
            Kind::Native => format!(",\n\"{}\"", notice("imp", "${AUCTION_BID_ID}", random)),
        };
        length += json_length(&line, json);
        if length > bytes {
            break;
        }
        markup += &line;
    }
    markup + close
}

/// A notice address with the exchange's macros.
pub(crate) fn notice(event: &str, bid_id: &str, random: &mut Random) -> String {
    format!(
        "https://{event}-{}.trk.openfield-dsp.com/{event}?b={bid_id}&i=${{AUCTION_ID}}&s=${{AUCTION_SEAT_ID}}&p=${{AUCTION_PRICE}}&c={}",
        random.pick(&["eu", "us", "ap"]),
        random.letters(40),
    )
}

fn html_open(imp: &Imp, random: &mut Random) -> String {
    let (width, height) = (imp.width, imp.height);
    format!(
        "<div id=\"ad-{0}\" class=\"of-ad of-ad--{width}x{height}\" style=\"position:relative;width:{width}px;height:{height}px;overflow:hidden\">\n\
         <a href=\"${{CLICK_URL}}https://click.openfield-dsp.com/c?cr={0}&d={1}\" target=\"_blank\" rel=\"noopener\">\n\
         <img src=\"https://cdn.openfield-dsp.com/cr/{0}/{width}x{height}.jpg\" width=\"{width}\" height=\"{height}\" border=\"0\" alt=\"\"/></a>\n",
        random.hex(10),
        random.letters(32),
    )
}

fn html_line(number: u64, random: &mut Random) -> String {
    let id = random.hex(12);
    match number % 4 {
        0 => format!(
            "<script type=\"text/javascript\">\n(function(w,d){{var s=d.createElement(\"script\");s.async=true;\n\ts.src=\"https://cdn.openfield-dsp.com/v3/view.js?k={id}\";\n\td.body.appendChild(s);}})(window,document);\n</script>\n"
        ),
        1 => format!(
            "<img src=\"https://px.openfield-dsp.com/i?a=${{AUCTION_ID}}&p=${{AUCTION_PRICE}}&cb={id}\" width=\"1\" height=\"1\" style=\"display:none\"/>\n"
        ),
        2 => format!(
            "<span class=\"of-label\" data-key=\"{id}\" data-macro=\"%%CACHEBUSTER%%\">Shop the new season &rsaquo;</span>\n"
        ),
        _ => format!(
            "<noscript><iframe src=\"https://sync.openfield-dsp.com/f?id={id}\" height=\"0\" width=\"0\"></iframe></noscript>\n"
        ),
    }
}

fn vast_open(random: &mut Random) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<VAST version=\"4.2\">\n\t<Ad id=\"{}\">\n\t\t<InLine>\n\
         \t\t\t<AdSystem version=\"3.1\">openfield</AdSystem>\n\t\t\t<AdTitle><![CDATA[Spring sale]]></AdTitle>\n\
         \t\t\t<Creatives><Creative sequence=\"1\"><Linear skipoffset=\"00:00:05\">\n\
         \t\t\t<Duration>00:00:15</Duration>\n\t\t\t<TrackingEvents>\n",
        random.hex(8)
    )
}

fn vast_line(random: &mut Random) -> String {
    const EVENTS: [&str; 8] = [
        "start",
        "firstQuartile",
        "midpoint",
        "thirdQuartile",
        "complete",
        "mute",
        "pause",
        "skip",
    ];
    let event = random.pick(&EVENTS);
    format!(
        "\t\t\t\t<Tracking event=\"{event}\"><![CDATA[https://vt.openfield-dsp.com/e/{event}?a=${{AUCTION_ID}}&ts=[TIMESTAMP]&k={}]]></Tracking>\n",
        random.letters(24)
    )
}

const VAST_CLOSE: &str = "\t\t\t</TrackingEvents>\n\t\t\t<MediaFiles>\
     <MediaFile delivery=\"progressive\" type=\"video/mp4\" width=\"640\" height=\"360\" bitrate=\"1200\">\
     <![CDATA[https://cdn.openfield-dsp.com/v/15s_1200.mp4]]></MediaFile></MediaFiles>\n\
     \t\t\t</Linear></Creative></Creatives>\n\t\t</InLine>\n\t</Ad>\n</VAST>\n";

fn native_open(random: &mut Random) -> String {
    format!(
        "{{\"native\":{{\"ver\":\"1.2\",\"assets\":[\
         {{\"id\":1,\"required\":1,\"title\":{{\"text\":\"Five days by the sea, from \u{20ac}199\"}}}},\n\
         {{\"id\":2,\"img\":{{\"url\":\"https://cdn.openfield-dsp.com/n/{}.jpg\",\"w\":1200,\"h\":627}}}}],\n\
         \"link\":{{\"url\":\"https://click.openfield-dsp.com/c?d={}\"}},\n\"imptrackers\":[\"{}\"",
        random.hex(10),
        random.letters(32),
        notice("imp", "${AUCTION_BID_ID}", random),
    )
}

/// The length of a text as a JSON string of this dialect, without its quotes.
fn json_length(text: &str, json: &Json) -> usize {
    let escaped = |byte: &&u8| {
        matches!(byte, b'"' | b'\\' | b'\n' | b'\t') || (json.escapes_slashes && **byte == b'/')
    };
    text.len() + text.as_bytes().iter().filter(escaped).count()
}
