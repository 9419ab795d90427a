//! What an imp offers and asks for beside its floor: its media with their sizes, attributes and duration floors.
//! Read only for gates that need it.

use super::fault::{Read, What};
use super::fields::Fields;
use super::json::Reader;
use super::keys::{Key as _, keys};
use super::list::List;
use super::text::Text;
use crate::limits::DURATION_FLOORS_MAX;

/// The kinds of media, as `mtype` counts them (OpenRTB 2.6 §4.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `banner`, 1.
    Banner,
    /// `video`, 2.
    Video,
    /// `audio`, 3.
    Audio,
    /// `native`, 4.
    Native,
}

impl MediaType {
    /// Every kind, in the order of its numbers.
    pub const ALL: [Self; 4] = [Self::Banner, Self::Video, Self::Audio, Self::Native];

    /// The kind that `mtype` names.
    #[must_use]
    pub const fn of_mtype(mtype: i64) -> Option<Self> {
        match mtype {
            1 => Some(Self::Banner),
            2 => Some(Self::Video),
            3 => Some(Self::Audio),
            4 => Some(Self::Native),
            _ => None,
        }
    }
}

/// What an imp says about creatives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Offer {
    /// `secure`: everything has to be loaded over HTTPS.
    pub secure: bool,
    /// `instl`: the whole screen.
    pub interstitial: bool,
    /// `pmp.private_auction`: bids need a deal.
    pub private_auction: bool,
    /// In the order of [`MediaType::ALL`].
    media: [Option<Medium>; MediaType::ALL.len()],
}

impl Offer {
    /// The medium, if the imp offers it.
    #[must_use]
    pub fn medium(&self, media_type: MediaType) -> Option<Medium> {
        self.media.get(media_type as usize).copied().flatten()
    }

    /// Every medium that the imp offers.
    pub fn media(&self) -> impl Iterator<Item = Medium> {
        self.media.iter().copied().flatten()
    }
}

/// A `banner`, `video`, `audio` or `native` object.
#[derive(Clone, Copy, Debug, Default)]
pub struct Medium {
    /// `battr`.
    pub(super) blocked_attributes: List,
    /// `durfloors`.
    pub(super) duration_floors: List,
    /// `w` by `h`, and those of `format`.
    pub(super) sizes: List,
    /// A `format` has no `w` and `h`, so that the sizes are not all there are.
    pub(super) other_sizes: bool,
}

/// A floor for creatives of some durations (OpenRTB 2.6, "`DurFloors`").
#[derive(Clone, Copy, Debug, Default)]
pub struct DurationFloor {
    /// `mindur`, seconds; none is open.
    pub shortest: Option<f64>,
    /// `maxdur`, seconds; none is open.
    pub longest: Option<f64>,
    /// `bidfloor`, CPM in the currency of the imp, and how it is written.
    pub value: Option<(f64, Text)>,
}

/// Width and height.
pub(crate) type Size = (i64, i64);

keys!(BannerKey { Battr = b"battr" if Fields::ATTRIBUTES, Width = b"w" if Fields::MEDIA, Height = b"h" if Fields::MEDIA, Format = b"format" if Fields::MEDIA });
keys!(FormatKey { Width = b"w", Height = b"h" });
keys!(StreamKey { Battr = b"battr" if Fields::ATTRIBUTES, Durfloors = b"durfloors" if Fields::DURATION_FLOORS });
keys!(NativeKey { Battr = b"battr" if Fields::ATTRIBUTES });
keys!(DurfloorKey { Mindur = b"mindur", Maxdur = b"maxdur", Bidfloor = b"bidfloor" });

/// The offers of all imps of a request. Empty when no gate needs them.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    /// One an imp.
    all: Vec<Offer>,
    /// INVARIANT (sorted attributes): ascending within each list.
    attributes: Vec<i64>,
    duration_floors: Vec<DurationFloor>,
    /// INVARIANT (sorted sizes): ascending within each list.
    sizes: Vec<Size>,
}

impl Offers {
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.attributes.clear();
        self.duration_floors.clear();
        self.sizes.clear();
    }

    /// Another imp begins.
    pub(super) fn begin(&mut self) {
        self.all.push(Offer::default());
    }

    /// What was begun is no imp.
    pub(super) fn take_back(&mut self) {
        self.all.pop();
    }

    /// Changes the offer of the imp that is read.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Offer)) {
        if let Some(offer) = self.all.last_mut() {
            change(offer);
        }
    }

    /// Attributes of every list, for the limit on entries.
    pub(super) const fn attribute_count(&self) -> usize {
        self.attributes.len()
    }

    /// Reads the object of a medium of the imp that is read.
    pub(super) fn medium(
        &mut self,
        media_type: MediaType,
        reader: &mut Reader<'_>,
        fields: Fields,
    ) -> Read<()> {
        let mut medium = Medium::default();
        let offered = match media_type {
            MediaType::Banner => self.banner(&mut medium, reader, fields),
            MediaType::Video | MediaType::Audio => self.stream(&mut medium, reader, fields),
            MediaType::Native => self.native(&mut medium, reader, fields),
        }?;
        self.change(|offer| {
            if let Some(place) = offer.media.get_mut(media_type as usize) {
                *place = offered.then_some(medium);
            }
        });
        Ok(())
    }

    fn banner(
        &mut self,
        banner: &mut Medium,
        reader: &mut Reader<'_>,
        fields: Fields,
    ) -> Read<bool> {
        let first = self.sizes.len();
        let (mut width, mut height) = (None, None);
        let is_banner = reader.object_of(BannerKey::wanted(fields), |reader, key| {
            match key {
                BannerKey::Battr => banner.blocked_attributes = self.attributes(reader)?,
                BannerKey::Width => width = reader.integer()?,
                BannerKey::Height => height = reader.integer()?,
                BannerKey::Format => banner.other_sizes = self.formats(reader)?,
            }
            Ok(())
        })?;
        self.sizes.extend(size(width, height));
        banner.sizes = sorted(&mut self.sizes, first);
        Ok(is_banner)
    }

    /// True when a format gives no size.
    fn formats(&mut self, reader: &mut Reader<'_>) -> Read<bool> {
        let mut without_size = false;
        reader.array(|reader| {
            let (mut width, mut height) = (None, None);
            let is_format = reader.object(|reader, key| {
                match key {
                    FormatKey::Width => width = reader.integer()?,
                    FormatKey::Height => height = reader.integer()?,
                }
                Ok(())
            })?;
            let size = size(width, height);
            without_size |= is_format && size.is_none();
            self.sizes.extend(size);
            Ok(())
        })?;
        Ok(without_size)
    }

    fn stream(
        &mut self,
        stream: &mut Medium,
        reader: &mut Reader<'_>,
        fields: Fields,
    ) -> Read<bool> {
        reader.object_of(StreamKey::wanted(fields), |reader, key| {
            match key {
                StreamKey::Battr => stream.blocked_attributes = self.attributes(reader)?,
                StreamKey::Durfloors => stream.duration_floors = self.duration_floors(reader)?,
            }
            Ok(())
        })
    }

    fn native(
        &mut self,
        native: &mut Medium,
        reader: &mut Reader<'_>,
        fields: Fields,
    ) -> Read<bool> {
        reader.object_of(NativeKey::wanted(fields), |reader, NativeKey::Battr| {
            native.blocked_attributes = self.attributes(reader)?;
            Ok(())
        })
    }

    fn attributes(&mut self, reader: &mut Reader<'_>) -> Read<List> {
        let first = self.attributes.len();
        reader.array(|reader| {
            self.attributes.extend(reader.integer()?);
            Ok(())
        })?;
        Ok(sorted(&mut self.attributes, first))
    }

    fn duration_floors(&mut self, reader: &mut Reader<'_>) -> Read<List> {
        let first = self.duration_floors.len();
        reader.array(|reader| {
            let mut floor = DurationFloor::default();
            let is_floor = reader.object(|reader, key| {
                match key {
                    DurfloorKey::Mindur => floor.shortest = reader.number()?.map(|(dur, _)| dur),
                    DurfloorKey::Maxdur => floor.longest = reader.number()?.map(|(dur, _)| dur),
                    DurfloorKey::Bidfloor => floor.value = reader.number()?,
                }
                Ok(())
            })?;
            self.duration_floors.extend(is_floor.then_some(floor));
            if self.duration_floors.len() - first > DURATION_FLOORS_MAX {
                return Err(reader.fault(What::TooManyDurationFloors));
            }
            Ok(())
        })?;
        Ok(List::new(first, self.duration_floors.len()))
    }

    pub(super) fn all(&self) -> &[Offer] {
        &self.all
    }

    pub(super) fn blocked_attributes(&self, medium: Medium) -> &[i64] {
        medium.blocked_attributes.of(&self.attributes)
    }

    pub(super) fn floors_of(&self, medium: Medium) -> &[DurationFloor] {
        medium.duration_floors.of(&self.duration_floors)
    }

    pub(super) fn sizes_of(&self, medium: Medium) -> &[Size] {
        medium.sizes.of(&self.sizes)
    }
}

/// Both, where both are above 0.
pub(super) fn size(width: Option<i64>, height: Option<i64>) -> Option<Size> {
    let above_zero = |side: &i64| *side > 0;
    Some((width.filter(above_zero)?, height.filter(above_zero)?))
}

/// The list of all from `first` on, put in order.
fn sorted<T: Ord>(entries: &mut [T], first: usize) -> List {
    if let Some(list) = entries.get_mut(first..) {
        list.sort_unstable();
    }
    List::new(first, entries.len())
}
