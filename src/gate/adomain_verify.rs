#![doc = include_str!("../../docs/gates/adomainVerify.md")]

use super::{Gate, Judged, Sheet};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::openrtb::Text;
use crate::openrtb::domain::{self, DomainFault, PLACEHOLDERS};
use crate::verdict::{Detail, Reason};

/// The rule, compiled.
#[derive(Debug)]
pub(super) struct AdomainVerify {
    require_adomain: bool,
    /// In the form in which names are compared.
    placeholders: Vec<Box<[u8]>>,
}

impl AdomainVerify {
    pub(super) fn compile(options: &mut Section) -> Self {
        let require_adomain = options.flag("require_adomain", true);
        let mut placeholders: Vec<Box<[u8]>> = PLACEHOLDERS
            .iter()
            .map(|name| name.as_bytes().into())
            .collect();
        for extra in options.strings("extra_placeholders") {
            match domain::normalise(&extra) {
                Some(name) => placeholders.push(name),
                None => options.reject(
                    "extra_placeholders",
                    &format!("{extra:?} is not a domain name"),
                ),
            }
        }
        Self {
            require_adomain,
            placeholders,
        }
    }

    /// The first entry that is not an advertiser's domain.
    fn first_fault(&self, auction: &Auction<'_>, bid: &JoinedBid<'_>) -> Option<(Reason, Text)> {
        bid.advertiser_domains().iter().find_map(|&entry| {
            let fault =
                domain::verify(auction.response.texts().bytes(entry), &self.placeholders).err()?;
            Some((reason(fault), entry))
        })
    }
}

impl Gate for AdomainVerify {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        for bid in auction.bids() {
            if bid.advertiser_domains().is_empty() {
                if self.require_adomain {
                    sheet.reject(&bid, Reason::AdomainMissing, Detail::None);
                }
            } else if let Some((reason, entry)) = self.first_fault(auction, &bid) {
                sheet.reject(&bid, reason, Detail::Bid(entry));
            }
        }
        Judged::Bids
    }
}

const fn reason(fault: DomainFault) -> Reason {
    match fault {
        DomainFault::Malformed => Reason::AdomainMalformed,
        DomainFault::IpAddress => Reason::AdomainIpAddress,
        DomainFault::Placeholder => Reason::AdomainPlaceholder,
        DomainFault::SingleLabel => Reason::AdomainSingleLabel,
        DomainFault::Reserved => Reason::AdomainReserved,
        DomainFault::PublicSuffix => Reason::AdomainPublicSuffix,
    }
}
