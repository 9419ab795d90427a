//! What a bid says about its creative beside advertiser and categories. Read only for gates that need it.

use super::list::List;
use super::offer::size;
use super::text::Text;

/// The creative of a bid, and the seat that bids (OpenRTB 2.6 §4.2.2, §4.2.3).
#[derive(Clone, Copy, Debug, Default)]
pub struct Creative {
    /// `crid`.
    pub id: Option<Text>,
    /// `adid`, of an ad that was loaded before.
    pub preloaded_id: Option<Text>,
    /// `adm`.
    pub markup: Option<Text>,
    /// `nurl`.
    pub win_notice: Option<Text>,
    /// `bundle`, of the advertised app.
    pub bundle: Option<Text>,
    /// `mtype`.
    pub mtype: Option<i64>,
    /// `w`.
    pub width: Option<i64>,
    /// `h`.
    pub height: Option<i64>,
    /// `dur`, seconds.
    pub duration: Option<f64>,
    /// `seatbid.seat`.
    pub seat: Option<Text>,
    /// `attr`.
    pub(super) attributes: List,
}

impl Creative {
    /// Width and height, where both are above 0.
    #[must_use]
    pub fn size(&self) -> Option<(i64, i64)> {
        size(self.width, self.height)
    }
}
