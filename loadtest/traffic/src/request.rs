//! Writes the bid request.

use crate::TMAX_MS;
use crate::auction::{Auction, Imp, Kind, Size};
use crate::json::{Cents, Json};
use crate::random::Random;
use crate::vocabulary::{
    APPS, BLOCKED_ADVERTISERS, DESKTOP_DEVICES, EID_SOURCES, MOBILE_DEVICES, PLACES,
    SELLER_SYSTEMS, SITES,
};

pub(crate) fn write(auction: &Auction, size: &Size, random: &mut Random) -> String {
    let in_app = random.one_in(2);
    let usual_list = auction.blocked.len().min(30);
    let listed = auction.blocked.iter().skip(usual_list);
    let fill_to = size.request_bytes + listed.map(|id| id.len() + 3).sum::<usize>();
    let mut json = Json::default();
    json.object(|json| {
        json.key("id").text(&auction.id);
        json.key("at").number(1);
        json.key("tmax")
            .number(random.between(*TMAX_MS.start(), *TMAX_MS.end()));
        json.key("cur").texts(["USD"]);
        json.key("imp").array(|json| {
            auction
                .imps
                .iter()
                .for_each(|it| imp(auction, it, in_app, json, random));
        });
        if in_app {
            json.key("app").object(|json| app(json, random));
        } else {
            json.key("site").object(|json| site(json, random));
        }
        json.key("device")
            .object(|json| device(in_app, json, random));
        json.key("regs").object(|json| regs(auction, json));
        json.key("source").object(|json| source(json, random));
        json.key("bcat").texts(&auction.blocked);
        json.key("badv")
            .texts(random.sample(&BLOCKED_ADVERTISERS, 14));
        json.key("user").object(|json| user(fill_to, json, random));
    });
    json.into_text()
}

fn imp(auction: &Auction, imp: &Imp, in_app: bool, json: &mut Json, random: &mut Random) {
    json.object(|json| {
        json.key("id").text(&imp.id);
        match imp.kind {
            Kind::Banner => json.key("banner").object(|json| banner(imp, json, random)),
            Kind::Video => json.key("video").object(|json| video(imp, json)),
            Kind::Native => json.key("native").object(native),
        }
        if in_app {
            json.key("displaymanager").text("GoogleMobileAds");
            json.key("displaymanagerver").text("23.5.0");
            json.key("instl").number(0);
        }
        json.key("tagid").text(&random.hex(12));
        json.key("bidfloor").number(imp.floor);
        json.key("bidfloorcur").text("USD");
        json.key("secure").number(1);
        json.key("exp").number(1800);
        pmp(imp, json, random);
        if auction.imps.len() > 1 {
            json.key("metric").array(|json| metrics(json, random));
        }
        json.key("ext")
            .object(|json| imp_extension(auction, imp, json, random));
    });
}

fn metrics(json: &mut Json, random: &mut Random) {
    for kind in ["viewability", "click_through_rate"] {
        json.object(|json| {
            json.key("type").text(kind);
            json.key("value").number(Cents(random.between(1, 99)));
            json.key("vendor").text("EXCHANGE");
        });
    }
}

fn imp_extension(auction: &Auction, imp: &Imp, json: &mut Json, random: &mut Random) {
    let slot = format!(
        "/2180{}/section/slot-{}",
        random.between(1000, 9999),
        imp.id
    );
    json.key("gpid").text(&slot);
    json.key("tid").text(&random.uuid());
    if auction.imps.len() > 1 {
        json.key("data").object(|json| {
            json.key("pbadslot").text(&slot);
            json.key("adserver").object(|json| {
                json.key("name").text("gam");
                json.key("adslot").text(&slot);
            });
        });
    }
    if auction.imps.len() > 4 {
        json.key("bidder")
            .object(|json| bidder_parameters(json, random));
    }
}

fn bidder_parameters(json: &mut Json, random: &mut Random) {
    json.key("placementId")
        .number(random.between(1_000_000, 99_999_999));
    json.key("keywords")
        .texts(["genre=news", "pos=atf", "layout=grid", "refresh=30"]);
    json.key("viewability").object(|json| {
        json.key("minimum").number(Cents(50));
        json.key("partners").texts(["moat", "ias", "doubleverify"]);
    });
    json.key("storedrequest").text(&random.uuid());
}

fn banner(imp: &Imp, json: &mut Json, random: &mut Random) {
    json.key("w").number(imp.width);
    json.key("h").number(imp.height);
    json.key("format").array(|json| {
        for (width, height) in [(imp.width, imp.height), (320, 100), (336, 280)] {
            json.object(|json| {
                json.key("w").number(width);
                json.key("h").number(height);
            });
        }
    });
    json.key("pos").number(random.pick(&[1, 3, 5]));
    json.key("battr").numbers([1, 2, 3, 8, 9, 10, 14]);
    json.key("api").numbers([3, 5, 6, 7]);
    json.key("mimes")
        .texts(["image/jpeg", "image/png", "image/gif", "text/html"]);
}

fn video(imp: &Imp, json: &mut Json) {
    json.key("mimes")
        .texts(["video/mp4", "video/webm", "application/javascript"]);
    json.key("minduration").number(5);
    json.key("maxduration").number(30);
    json.key("protocols").numbers([2, 3, 5, 6, 7, 8]);
    json.key("w").number(imp.width);
    json.key("h").number(imp.height);
    json.key("startdelay").number(0);
    json.key("plcmt").number(2);
    json.key("linearity").number(1);
    json.key("skip").number(1);
    json.key("skipafter").number(5);
    json.key("playbackmethod").numbers([2, 6]);
    json.key("api").numbers([2, 7, 8]);
    json.key("battr").numbers([8, 13]);
}

/// The native request is JSON in a JSON string.
fn native(json: &mut Json) {
    let mut request = Json::default();
    request.object(|request| {
        request.key("ver").text("1.2");
        request.key("context").number(1);
        request.key("plcmttype").number(1);
        request.key("assets").array(|assets| {
            assets.object(|title| {
                title.key("id").number(1);
                title.key("required").number(1);
                title
                    .key("title")
                    .object(|title| title.key("len").number(90));
            });
            for (id, kind, width, height) in [(2, 3, 1200, 627), (3, 1, 80, 80)] {
                assets.object(|image| {
                    image.key("id").number(id);
                    image.key("img").object(|image| {
                        image.key("type").number(kind);
                        image.key("wmin").number(width);
                        image.key("hmin").number(height);
                    });
                });
            }
        });
    });
    json.key("request").text(&request.into_text());
    json.key("ver").text("1.2");
    json.key("battr").numbers([1, 3, 17]);
}

fn pmp(imp: &Imp, json: &mut Json, random: &mut Random) {
    let Some(deal) = &imp.deal else { return };
    json.key("pmp").object(|json| {
        json.key("private_auction").number(0);
        json.key("deals").array(|json| {
            json.object(|json| {
                json.key("id").text(&deal.id);
                json.key("bidfloor").number(deal.floor);
                json.key("bidfloorcur").text("USD");
                json.key("at").number(random.pick(&[1, 3]));
                json.key("wseat").texts(["1024", "seat-7781"]);
            });
        });
    });
}

fn app(json: &mut Json, random: &mut Random) {
    let (bundle, name, store) = random.pick(&APPS);
    json.key("id").text(&random.hex(24));
    json.key("name").text(name);
    json.key("bundle").text(bundle);
    json.key("storeurl").text(store);
    json.key("ver").text("5.14.2");
    json.key("cat").texts(["IAB9", "IAB9-30"]);
    json.key("privacypolicy").number(1);
    json.key("publisher")
        .object(|json| publisher("Brightwater Media Ltd", json, random));
    json.key("content").object(|json| {
        json.key("language").text("en");
        json.key("cat").texts(["IAB9-30"]);
    });
}

fn site(json: &mut Json, random: &mut Random) {
    let (domain, section) = random.pick(&SITES);
    json.key("id").text(&random.hex(16));
    json.key("domain").text(domain);
    let page = format!(
        "https://www.{domain}/{section}/{}/story.html?utm_source=newsletter&utm_campaign=morning",
        random.between(100_000, 999_999)
    );
    json.key("page").text(&page);
    json.key("ref").text("https://www.google.com/");
    json.key("cat").texts(["IAB12", "IAB12-2"]);
    json.key("publisher")
        .object(|json| publisher(domain, json, random));
    json.key("content").object(|json| {
        json.key("title")
            .text("Caf\u{e9} culture returns to the \u{201c}old town\u{201d}");
        json.key("cat").texts(["IAB12-2"]);
        json.key("language").text("en");
    });
}

fn publisher(name: &str, json: &mut Json, random: &mut Random) {
    json.key("id")
        .text(&random.between(100_000, 999_999).to_string());
    json.key("name").text(name);
}

fn device(in_app: bool, json: &mut Json, random: &mut Random) {
    let devices: &[_] = if in_app {
        &MOBILE_DEVICES
    } else {
        &DESKTOP_DEVICES
    };
    let [agent, make, system, version] = random.pick(devices);
    json.key("ua").text(agent);
    json.key("sua").object(|json| client_hints(in_app, json));
    json.key("ip").text(&format!(
        "{}.{}.{}.0",
        random.between(11, 99),
        random.between(0, 255),
        random.between(0, 255)
    ));
    json.key("geo").object(|json| geo(json, random));
    json.key("devicetype").number(if in_app { 4 } else { 2 });
    json.key("make").text(make);
    json.key("os").text(system);
    json.key("osv").text(version);
    json.key("w").number(1080);
    json.key("h").number(2400);
    json.key("pxratio")
        .number(random.pick(&["2.625", "3.0", "1.5"]));
    json.key("js").number(1);
    json.key("language").text("en");
    json.key("carrier")
        .text(random.pick(&["Vodafone", "T-Mobile", "Orange F"]));
    json.key("connectiontype").number(random.pick(&[2, 6, 7]));
    json.key("ifa").text(&random.uuid());
    json.key("lmt").number(0);
}

fn client_hints(in_app: bool, json: &mut Json) {
    json.key("browsers").array(|json| {
        for (brand, version) in [
            ("Chromium", ["131", "0", "6778", "135"]),
            ("Not_A Brand", ["24", "0", "0", "0"]),
        ] {
            json.object(|json| {
                json.key("brand").text(brand);
                json.key("version").texts(version);
            });
        }
    });
    json.key("mobile").number(u8::from(in_app));
    json.key("source").number(2);
}

fn geo(json: &mut Json, random: &mut Random) {
    let [city, region, country, zip, latitude, longitude] = random.pick(&PLACES);
    json.key("lat").number(latitude);
    json.key("lon").number(longitude);
    json.key("type").number(2);
    json.key("country").text(country);
    json.key("region").text(region);
    json.key("city").text(city);
    json.key("zip").text(zip);
    json.key("utcoffset").number(60);
}

fn regs(auction: &Auction, json: &mut Json) {
    json.key("coppa").number(u8::from(auction.child_directed));
    json.key("gdpr").number(1);
    json.key("us_privacy").text("1YNN");
    json.key("gpp_sid").numbers([2]);
}

fn source(json: &mut Json, random: &mut Random) {
    json.key("fd").number(1);
    json.key("tid").text(&random.uuid());
    json.key("schain").object(|json| {
        json.key("ver").text("1.0");
        json.key("complete").number(1);
        json.key("nodes").array(|json| {
            for system in random.sample(&SELLER_SYSTEMS, 2) {
                json.object(|json| {
                    json.key("asi").text(system);
                    json.key("sid")
                        .text(&random.between(10_000, 99_999).to_string());
                    json.key("hp").number(1);
                });
            }
        });
    });
}

/// Last, because its segments fill the request up.
fn user(fill_to: usize, json: &mut Json, random: &mut Random) {
    json.key("id").text(&random.uuid());
    json.key("buyeruid").text(&random.letters(27));
    json.key("consent")
        .text(&format!("CQ{}.YAAAAAAAAAAA", random.letters(170)));
    json.key("eids").array(|json| {
        for source in random.sample(&EID_SOURCES, 3) {
            json.object(|json| eid(source, json, random));
        }
    });
    json.key("data").array(|json| {
        json.object(|json| {
            json.key("id").text("609");
            json.key("name").text("audience.northlane-ssp.com");
            json.key("segment").array(|json| {
                while json.len() < fill_to {
                    let id = random.between(100_000, 99_999_999).to_string();
                    json.object(|json| json.key("id").text(&id));
                }
            });
        });
    });
}

fn eid(source: &str, json: &mut Json, random: &mut Random) {
    json.key("source").text(source);
    json.key("uids").array(|json| {
        json.object(|json| {
            json.key("id").text(&random.letters(44));
            json.key("atype").number(random.pick(&[1, 3]));
        });
    });
}
