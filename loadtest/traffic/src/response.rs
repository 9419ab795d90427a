//! Writes the bid response.

use crate::auction::{Auction, Bid, Flaw, Kind, Size};
use crate::json::Json;
use crate::markup;
use crate::random::Random;
use crate::vocabulary::ADVERTISERS;

/// Bids of one seat.
const SEAT_BIDS: usize = 6;

pub(crate) fn write(auction: &Auction, size: &Size, random: &mut Random) -> String {
    let mut json = Json::default();
    json.escapes_slashes = random.one_in(2);
    json.object(|json| {
        json.key("id").text(&auction.id);
        json.key("bidid").text(&random.uuid());
        json.key("cur").text("USD");
        json.key("seatbid").array(|json| {
            for (seat, bids) in auction.bids.chunks(SEAT_BIDS).enumerate() {
                json.object(|json| {
                    json.key("bid").array(|json| {
                        bids.iter().for_each(|it| bid(it, size, json, random));
                    });
                    json.key("seat").text(&format!("seat-{}", 7781 + seat));
                    json.key("group").number(0);
                });
            }
        });
    });
    json.into_text()
}

fn bid(bid: &Bid, size: &Size, json: &mut Json, random: &mut Random) {
    let impid = match bid.flaw {
        Some(Flaw::UnknownImp) => format!("{}-refresh", bid.imp.id),
        _ => bid.imp.id.clone(),
    };
    let advertiser = match bid.flaw {
        Some(Flaw::PlaceholderDomain) => "example.com",
        _ => random.pick(&ADVERTISERS),
    };
    let bid_id = random.uuid();
    let markup = markup::write(&bid.imp, size.markup_bytes, json, random);
    json.object(|json| {
        json.key("id").text(&bid_id);
        json.key("impid").text(&impid);
        json.key("price").number(bid.price);
        json.key("adid")
            .text(&random.between(1_000_000, 9_999_999).to_string());
        json.key("nurl")
            .text(&markup::notice("win", &bid_id, random));
        json.key("burl")
            .text(&markup::notice("bill", &bid_id, random));
        json.key("adm").text(&markup);
        json.key("adomain").texts([advertiser]);
        json.key("cid")
            .text(&random.between(10_000, 99_999).to_string());
        json.key("crid").text(&format!("cr-{}", random.hex(10)));
        json.key("cat").texts(&bid.categories);
        json.key("attr").numbers([6]);
        json.key("language").text("en");
        if let Some(deal) = &bid.imp.deal {
            json.key("dealid").text(&deal.id);
        }
        json.key("w").number(bid.imp.width);
        json.key("h").number(bid.imp.height);
        json.key("exp").number(300);
        json.key("mtype").number(match bid.imp.kind {
            Kind::Banner => 1,
            Kind::Video => 2,
            Kind::Native => 4,
        });
    });
}
