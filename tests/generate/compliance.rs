//! What only exchange-compliance gates read of bid requests and bid responses.
use super::payloads::{
    Optional, Value, array, currency, domain, field, flag, floor, list, numbers, object, texts,
    typed,
};
use super::strings::any_string;

pub(super) fn of_request() -> Vec<Optional> {
    vec![
        field(0.9, "id", auction_id()),
        field(0.5, "cur", array(currency(), 0..3)),
        field(0.5, "badv", array(advertiser(), 0..4)),
        field(0.5, "bapp", array(bundle(), 0..4)),
        field(0.3, "wseat", array(seat(), 0..3)),
        field(0.4, "bseat", array(seat(), 0..3)),
        field(0.6, "device", device()),
        field(0.5, "user", user()),
    ]
}

pub(super) fn of_imp() -> Vec<Optional> {
    let banner = object(vec![
        field(0.7, "battr", attributes()),
        field(0.5, "w", side()),
        field(0.5, "h", side()),
        field(0.7, "format", list(size(), 0..3)),
    ]);
    vec![
        field(0.8, "banner", banner),
        field(0.5, "video", stream()),
        field(0.4, "audio", stream()),
        field(
            0.3,
            "native",
            object(vec![field(0.7, "battr", attributes())]),
        ),
        field(0.1, "instl", flag()),
        field(0.6, "secure", flag()),
    ]
}

pub(super) fn of_deal() -> Vec<Optional> {
    vec![
        field(0.8, "wadomain", array(advertiser(), 0..3)),
        field(0.4, "wseat", array(seat(), 0..3)),
    ]
}

pub(super) fn of_bid() -> Vec<Optional> {
    vec![
        field(0.8, "crid", texts(&["c1", "c1", "", " "])),
        field(0.7, "adm", markup()),
        field(0.3, "nurl", win_notice()),
        field(0.2, "adid", texts(&["314", "", "\t"])),
        field(0.6, "bundle", bundle()),
        field(
            0.4,
            "mtype",
            numbers(&["1", "1.0", "1", "2", "2e0", "3", "4", "5", "0", "-1", "1.5"]),
        ),
        field(0.9, "w", side()),
        field(0.9, "h", side()),
        field(
            0.6,
            "dur",
            numbers(&["5", "15", "15.5", "30", "30.0", "31", "0", "-5", "1e400"]),
        ),
        field(0.8, "attr", attributes()),
    ]
}

pub(super) fn auction_id() -> Value {
    texts(&["r1", "r1", "r1", "R1", " r1", "", "\u{e9}"])
}

pub(super) fn seat() -> Value {
    texts(&["s1", "s2", "S1", " s1", "s2\t", "", " "])
}

fn bundle() -> Value {
    texts(&[
        "com.foo.game",
        " com.foo.game",
        "com.foo",
        "com.Foo.game",
        "343200656",
        "",
        " ",
    ])
}

/// Entries of block lists: often those that bids have, or what is above them.
fn advertiser() -> Value {
    proptest::strategy::Strategy::boxed(proptest::prop_oneof![
        3 => texts(&["brand.com", "BRAND.com.", "advertiser.net", "com", "co", "brand.co", "co.uk", "xn--mnchen-3ya.de", "https://brand.com", "a_b.com"]),
        2 => domain(),
    ])
}

fn attributes() -> Value {
    array(
        numbers(&["1", "2", "3", "6", "6.0", "16", "500", "1e3", "-1", "6.5"]),
        0..4,
    )
}

fn side() -> Value {
    proptest::strategy::Strategy::boxed(proptest::prop_oneof![
        9 => numbers(&["300", "250", "300.0", "320", "50", "728", "90", "3e2"]),
        1 => numbers(&["0", "-1", "300.5"]),
    ])
}

fn size() -> Value {
    object(vec![
        field(0.98, "w", side()),
        field(0.98, "h", side()),
        field(0.1, "wratio", side()),
    ])
}

fn stream() -> Value {
    let bound = || numbers(&["0", "5", "15", "16", "30", "30.5", "1e400"]);
    let durfloor = object(vec![
        field(0.6, "mindur", bound()),
        field(0.6, "maxdur", bound()),
        field(0.9, "bidfloor", floor()),
    ]);
    object(vec![
        field(0.7, "battr", attributes()),
        field(0.9, "durfloors", list(durfloor, 0..4)),
    ])
}

fn device() -> Value {
    let id = || {
        texts(&[
            "38400000-8cf0-11bd-b23e-10b96e40000d",
            "00000000-0000-0000-0000-000000000000",
            "",
            " ",
            "0",
            "-",
        ])
    };
    let ip = || {
        texts(&[
            "198.51.100.7",
            " 198.51.100.7 ",
            "198.51.100.0",
            "198.51.100.x",
            "198.51.100",
            "2001:db8::1",
            "2001:db8:1:2:3:4::",
            "2001:db8::1:0",
            "::ffff:198.51.100.0",
            "::",
            "1.2.3.04",
            "",
        ])
    };
    object(vec![
        field(0.08, "ifa", id()),
        field(0.03, "didsha1", id()),
        field(0.03, "didmd5", id()),
        field(0.03, "dpidsha1", id()),
        field(0.03, "dpidmd5", id()),
        field(0.03, "macsha1", id()),
        field(0.03, "macmd5", id()),
        field(0.5, "ip", ip()),
        field(0.3, "ipv6", ip()),
        field(0.4, "geo", geo()),
    ])
}

fn user() -> Value {
    let id = || texts(&["u1", "", "0"]);
    let eids = || array(texts(&["x"]), 0..2);
    object(vec![
        field(0.05, "id", id()),
        field(0.05, "buyeruid", id()),
        field(0.4, "yob", numbers(&["2015", "0", "-0", "1e-3"])),
        field(0.2, "gender", texts(&["M", "", " "])),
        field(0.05, "eids", eids()),
        field(0.3, "geo", geo()),
        field(0.1, "ext", object(vec![field(0.7, "eids", eids())])),
    ])
}

fn geo() -> Value {
    let degrees = || {
        numbers(&[
            "52.52", "52.5163", "-13.4", "13", "1e400", "0.001", "1.13e2", "-0.005",
        ])
    };
    object(vec![
        field(0.5, "lat", degrees()),
        field(0.5, "lon", degrees()),
        field(0.3, "zip", texts(&["10115", "", " "])),
    ])
}

fn win_notice() -> Value {
    proptest::strategy::Strategy::boxed(proptest::prop_oneof![
        3 => texts(&["https://win.net", "", " "]),
        1 => typed(any_string()),
    ])
}

fn markup() -> Value {
    proptest::strategy::Strategy::boxed(proptest::prop_oneof![
        2 => typed(any_string()),
        2 => texts(WHOLE),
        2 => proptest::strategy::Strategy::prop_map(
            proptest::collection::vec(proptest::sample::select(PIECES), 1..8),
            |pieces| super::text::Json::text(pieces.concat()),
        ),
    ])
}

const WHOLE: &[&str] = &[
    "<div><img src=\"https://cdn.net/a.png\"></div>",
    "<IMG SRC=HTTP://cdn.net/a.png>",
    "<a href=\"http://ford.com\"><img src=\"https://cdn.net/a.png\"></a>",
    " <VAST version=\"4.0\"><MediaFile><![CDATA[http://cdn.net/a.mp4]]></MediaFile></VAST>",
    "<?xml version=\"1.0\"?>\n<vast><ClickThrough>http://ford.com</ClickThrough></vast>",
    "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>",
    "{\"native\":{\"link\":{\"url\":\"http://ford.com\"},\"img\":{\"url\":\"http:\\/\\/cdn.net\"}}}",
    "{\"native\":{\"assets\":[]}}",
    "plain",
    "",
    " ",
];

/// What stands in front of addresses, and addresses.
const PIECES: &[&str] = &[
    "http://",
    "HTTP://",
    "http:\\/\\/",
    "https://",
    "http:/",
    " http://x.net ",
    "=",
    "= ",
    "\"",
    "'",
    "\\",
    "(",
    ">",
    "<",
    "<img ",
    "<link ",
    "<LINK ",
    "<a ",
    "<![CDATA[",
    "<MediaFile>",
    "<Tracking event=\"start\">",
    "<ClickThrough>",
    "</a>",
    " src",
    "src",
    " href",
    " data",
    "?src=",
    " xsrc=",
    "\tposter =",
    "url",
    "url(",
    "\"url\":",
    "\"src\" : ",
    "\"link\":{",
    "{",
    "\\\"link\\\" : {\\\"url\\\":",
    "}",
    ",",
    "\u{e9}",
    "k\u{212a}",
];
