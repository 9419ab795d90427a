//! The option `rates`, shared by the gates that compare money.

use crate::document::Section;
use crate::openrtb::Rates;

/// US dollars stay US dollars, but for what a configured rate rounds.
const TOLERANCE: f64 = 1e-9;

/// Reads `rates`: US dollars for one unit of each currency.
pub(super) fn compile(options: &mut Section) -> Rates {
    let rates = options.rates("rates");
    options.spelled("rates", CODE_PATTERN);
    for (position, (code, rate)) in rates.iter().enumerate() {
        let same = |other: &str| code.trim().eq_ignore_ascii_case(other.trim());
        let problem = if !is_currency_code(code) {
            NOT_A_CODE
        } else if same("USD") && (rate - 1.0).abs() > TOLERANCE {
            "rates are in US dollars, so USD is 1: leave it out"
        } else if rates.iter().take(position).any(|(other, _)| same(other)) {
            "has a rate already, in other letters; remove one"
        } else {
            continue;
        };
        options.reject(&format!("rates.{code}"), problem);
    }
    Rates::new(&rates)
}

pub(super) const NOT_A_CODE: &str = "must be a currency code of three letters, such as \"EUR\"";

/// What [`is_currency_code`] accepts.
pub(super) const CODE_PATTERN: &str = r"^\s*[A-Za-z]{3}\s*$";

/// ISO 4217, alphabetic. White space around it does not count.
pub(super) fn is_currency_code(text: &str) -> bool {
    let code = text.trim().as_bytes();
    code.len() == 3 && code.iter().all(u8::is_ascii_alphabetic)
}
