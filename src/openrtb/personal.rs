//! What a bid request says about the person: read only for gates that need it, and kept as the names of the fields
//! that say it, never as what they say.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::fault::Read;
use super::json::Reader;
use super::keys::keys;
use super::text::Text;

/// The kinds of personal data, in the order in which they are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonalData {
    /// An id of the device or the user.
    Identifier,
    /// Year of birth or gender.
    Demographics,
    /// A place within less than a kilometre.
    PreciseGeo,
    /// An IP address that is not truncated.
    IpAddress,
}

impl PersonalData {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::Identifier,
        Self::Demographics,
        Self::PreciseGeo,
        Self::IpAddress,
    ];
}

/// The personal data of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Personal {
    /// The first field that holds each kind, in the order of [`PersonalData::ALL`].
    fields: [Option<&'static str>; PersonalData::ALL.len()],
}

keys!(DeviceKey {
    Ifa = b"ifa",
    DidSha1 = b"didsha1",
    DidMd5 = b"didmd5",
    DpidSha1 = b"dpidsha1",
    DpidMd5 = b"dpidmd5",
    MacSha1 = b"macsha1",
    MacMd5 = b"macmd5",
    Ip = b"ip",
    Ipv6 = b"ipv6",
    Geo = b"geo",
});
keys!(UserKey { Id = b"id", Buyeruid = b"buyeruid", Yob = b"yob", Gender = b"gender", Eids = b"eids", Geo = b"geo", Ext = b"ext" });
keys!(UserExtKey { Eids = b"eids" });
keys!(GeoKey { Lat = b"lat", Lon = b"lon", Zip = b"zip" });

impl Personal {
    /// The first kind that the request holds, and the field that holds it.
    #[must_use]
    pub fn first(&self) -> Option<(PersonalData, &'static str)> {
        PersonalData::ALL
            .into_iter()
            .zip(self.fields)
            .find_map(|(kind, field)| Some((kind, field?)))
    }

    /// Reads `device`.
    pub(super) fn device(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        reader.object(|reader, key| match key {
            DeviceKey::Ifa => self.identifier(reader, "device.ifa"),
            DeviceKey::DidSha1 => self.identifier(reader, "device.didsha1"),
            DeviceKey::DidMd5 => self.identifier(reader, "device.didmd5"),
            DeviceKey::DpidSha1 => self.identifier(reader, "device.dpidsha1"),
            DeviceKey::DpidMd5 => self.identifier(reader, "device.dpidmd5"),
            DeviceKey::MacSha1 => self.identifier(reader, "device.macsha1"),
            DeviceKey::MacMd5 => self.identifier(reader, "device.macmd5"),
            DeviceKey::Ip => self.address(reader, "device.ip"),
            DeviceKey::Ipv6 => self.address(reader, "device.ipv6"),
            DeviceKey::Geo => self.geo(
                reader,
                ["device.geo.lat", "device.geo.lon", "device.geo.zip"],
            ),
        })?;
        Ok(())
    }

    /// Reads `user`.
    pub(super) fn user(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        reader.object(|reader, key| match key {
            UserKey::Id => self.identifier(reader, "user.id"),
            UserKey::Buyeruid => self.identifier(reader, "user.buyeruid"),
            UserKey::Yob => self.year_of_birth(reader),
            UserKey::Gender => self.gender(reader),
            UserKey::Eids => self.extended_ids(reader, "user.eids"),
            UserKey::Geo => self.geo(reader, ["user.geo.lat", "user.geo.lon", "user.geo.zip"]),
            UserKey::Ext => {
                reader.object(|reader, UserExtKey::Eids| {
                    self.extended_ids(reader, "user.ext.eids")
                })?;
                Ok(())
            }
        })?;
        Ok(())
    }

    fn identifier(&mut self, reader: &mut Reader<'_>, field: &'static str) -> Read<()> {
        let text = reader.text()?;
        self.add_if(
            text.is_some_and(|text| is_identifier(trimmed(reader, text))),
            PersonalData::Identifier,
            field,
        );
        Ok(())
    }

    fn extended_ids(&mut self, reader: &mut Reader<'_>, field: &'static str) -> Read<()> {
        let mut any = false;
        reader.array(|reader| {
            any = true;
            reader.text().map(|_| ())
        })?;
        self.add_if(any, PersonalData::Identifier, field);
        Ok(())
    }

    fn year_of_birth(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        let year = reader.number()?;
        let known = year.is_some_and(|(year, _)| year.abs() > 0.0);
        self.add_if(known, PersonalData::Demographics, "user.yob");
        Ok(())
    }

    fn gender(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        let known = filled(reader)?;
        self.add_if(known, PersonalData::Demographics, "user.gender");
        Ok(())
    }

    /// `fields` name latitude, longitude and zip.
    fn geo(&mut self, reader: &mut Reader<'_>, fields: [&'static str; 3]) -> Read<()> {
        let [lat, lon, zip] = fields;
        reader.object(|reader, key| {
            let (precise, field) = match key {
                GeoKey::Lat => (is_precise(reader.number()?), lat),
                GeoKey::Lon => (is_precise(reader.number()?), lon),
                GeoKey::Zip => (filled(reader)?, zip),
            };
            self.add_if(precise, PersonalData::PreciseGeo, field);
            Ok(())
        })?;
        Ok(())
    }

    fn address(&mut self, reader: &mut Reader<'_>, field: &'static str) -> Read<()> {
        let text = reader.text()?;
        let whole = text.is_some_and(|text| is_whole_address(trimmed(reader, text)));
        self.add_if(whole, PersonalData::IpAddress, field);
        Ok(())
    }

    fn add_if(&mut self, found: bool, kind: PersonalData, field: &'static str) {
        if let Some(first) = self.fields.get_mut(kind as usize).filter(|_| found) {
            first.get_or_insert(field);
        }
    }
}

fn trimmed<'r>(reader: &'r Reader<'_>, text: Text) -> &'r [u8] {
    reader.texts().bytes(text).trim_ascii()
}

/// True for a string that is not blank.
fn filled(reader: &mut Reader<'_>) -> Read<bool> {
    let text = reader.text()?;
    Ok(text.is_some_and(|text| !trimmed(reader, text).is_empty()))
}

/// The advertising id of a device that limits tracking is all zeros.
fn is_identifier(id: &[u8]) -> bool {
    id.iter().any(|byte| !matches!(byte, b'0' | b'-'))
}

/// More than two decimals. Beyond doubles there is no place on earth.
fn is_precise(degrees: Option<(f64, Text)>) -> bool {
    degrees.is_some_and(|(degrees, _)| {
        let hundredths = degrees * 100.0;
        (hundredths - hundredths.round()).abs() > 1e-6
    })
}

/// An IPv4 address with its last byte, or an IPv6 address with any of its last four.
fn is_whole_address(text: &[u8]) -> bool {
    match str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
        Some(IpAddr::V4(address)) => Ipv4Addr::to_bits(address) & 0xff != 0,
        Some(IpAddr::V6(address)) => Ipv6Addr::to_bits(address) & 0xffff_ffff != 0,
        None => false,
    }
}
