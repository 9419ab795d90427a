//! Currencies, and what one is worth in another.

/// What a missing currency means (OpenRTB 2.6 §3.2.4 `bidfloorcur`, §4.2.1 `cur`).
pub const DEFAULT_CURRENCY: &[u8] = b"USD";

/// The value of one unit of each known currency in US dollars.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    /// INVARIANT (sorted rates): by code, upper case, without US dollars.
    usd_per_unit: Vec<(Box<[u8]>, f64)>,
}

impl Rates {
    /// Rates as configured: code and value of one unit in US dollars, greater than 0.
    #[must_use]
    pub fn new(rates: &[(String, f64)]) -> Self {
        let mut usd_per_unit: Vec<(Box<[u8]>, f64)> = rates
            .iter()
            .map(|(code, rate)| (code.trim().to_ascii_uppercase().into_bytes().into(), *rate))
            .collect();
        usd_per_unit.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Self { usd_per_unit }
    }

    /// What to multiply an amount in `from` with to have it in `to`. None when a rate is missing.
    /// Codes are without white space around them; case does not count.
    #[must_use]
    pub fn convert(&self, from: &[u8], to: &[u8]) -> Option<f64> {
        if from.eq_ignore_ascii_case(to) {
            return Some(1.0);
        }
        Some(self.in_usd(from)? / self.in_usd(to)?)
    }

    fn in_usd(&self, code: &[u8]) -> Option<f64> {
        if code.eq_ignore_ascii_case(DEFAULT_CURRENCY) {
            return Some(1.0);
        }
        let upper = code.iter().map(u8::to_ascii_uppercase);
        let rate = self
            .usd_per_unit
            .binary_search_by(|(known, _)| known.iter().copied().cmp(upper.clone()))
            .ok()?;
        self.usd_per_unit.get(rate).map(|&(_, rate)| rate)
    }
}

#[cfg(test)]
mod tests {
    use super::Rates;

    #[test]
    fn amounts_convert_through_dollars() {
        let rates = Rates::new(&[("eur".to_owned(), 1.25), ("JPY".to_owned(), 0.01)]);
        assert_eq!(rates.convert(b"EUR", b"USD"), Some(1.25));
        assert_eq!(rates.convert(b"usd", b"Eur"), Some(0.8));
        assert_eq!(rates.convert(b"EUR", b"JPY"), Some(125.0));
        assert_eq!(rates.convert(b"GBP", b"gbp"), Some(1.0));
        assert_eq!(rates.convert(b"GBP", b"USD"), None);
    }
}
