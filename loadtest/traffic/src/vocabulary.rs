//! Words that auctions are made of. Companies and sites are made up.

pub(crate) const BANNER_SIZES: [(u64, u64); 6] = [
    (300, 250),
    (728, 90),
    (320, 50),
    (970, 250),
    (300, 600),
    (160, 600),
];

/// User agent, make, operating system and its version.
pub(crate) const MOBILE_DEVICES: [[&str; 4]; 4] = [
    [
        "Mozilla/5.0 (Linux; Android 14; Pixel 8 Pro Build/UQ1A.240205.004; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/131.0.6778.135 Mobile Safari/537.36",
        "Google",
        "Android",
        "14.0",
    ],
    [
        "Mozilla/5.0 (Linux; Android 13; SM-A546B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36",
        "Samsung",
        "Android",
        "13",
    ],
    [
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/22B91",
        "Apple",
        "iOS",
        "18.1.1",
    ],
    [
        "Mozilla/5.0 (Linux; Android 12; moto g(60) Build/S2RI32.32-20-9-8; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.6723.107 Mobile Safari/537.36",
        "Motorola",
        "Android",
        "12",
    ],
];

/// Likewise.
pub(crate) const DESKTOP_DEVICES: [[&str; 4]; 3] = [
    [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
        "PC",
        "Windows",
        "10.0",
    ],
    [
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
        "Apple",
        "macOS",
        "10.15.7",
    ],
    [
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
        "PC",
        "Linux",
        "6.8",
    ],
];

/// City, region, country, zip, latitude, longitude.
pub(crate) const PLACES: [[&str; 6]; 6] = [
    ["Chicago", "IL", "USA", "60611", "41.8937", "-87.6237"],
    ["M\u{fc}nchen", "BY", "DEU", "80331", "48.1371", "11.5753"],
    ["Lyon", "ARA", "FRA", "69002", "45.7578", "4.8320"],
    [
        "S\u{e3}o Paulo",
        "SP",
        "BRA",
        "01310-100",
        "-23.5614",
        "-46.6559",
    ],
    [
        "\u{5927}\u{962a}\u{5e02}",
        "27",
        "JPN",
        "530-0001",
        "34.7025",
        "135.4959",
    ],
    ["Leeds", "ENG", "GBR", "LS1 4DY", "53.7965", "-1.5478"],
];

/// Domain and section.
pub(crate) const SITES: [(&str, &str); 6] = [
    ("dailyharbourpost.com", "local-news"),
    ("weeknightplates.com", "recipes/30-minutes"),
    ("touchlinetactics.co.uk", "match-reports"),
    ("quietcampsites.de", "ratgeber"),
    ("retrolenslab.net", "reviews/cameras"),
    ("marketminute.io", "analysis"),
];

/// Bundle, name, store address.
pub(crate) const APPS: [(&str, &str, &str); 5] = [
    (
        "com.brightloop.wordgarden",
        "Word Garden - Daily Puzzle",
        "https://play.google.com/store/apps/details?id=com.brightloop.wordgarden",
    ),
    (
        "1438827719",
        "Rain & Radar: Storm Alerts",
        "https://apps.apple.com/us/app/rain-radar/id1438827719",
    ),
    (
        "net.ninebark.scorecast",
        "ScoreCast Live",
        "https://play.google.com/store/apps/details?id=net.ninebark.scorecast",
    ),
    (
        "com.tidepool.cashbook",
        "Cashbook - Budget Planner",
        "https://play.google.com/store/apps/details?id=com.tidepool.cashbook",
    ),
    (
        "1290044617",
        "Solitaire Veranda",
        "https://apps.apple.com/us/app/solitaire-veranda/id1290044617",
    ),
];

pub(crate) const EID_SOURCES: [&str; 9] = [
    "uidapi.com",
    "id5-sync.com",
    "liveramp.com",
    "criteo.com",
    "pubcid.org",
    "adserver.org",
    "crwdcntrl.net",
    "audigent.com",
    "epsilon.com",
];

pub(crate) const SELLER_SYSTEMS: [&str; 5] = [
    "northlane-ssp.com",
    "adrelay.io",
    "yieldorchard.com",
    "mediaweir.net",
    "pubspring.com",
];

pub(crate) const ADVERTISERS: [&str; 12] = [
    "northfieldshoes.com",
    "casamarea.com.br",
    "velobahn.de",
    "brewandbarrel.co.uk",
    "lumenhome.fr",
    "peakpension.com",
    "sunnysidemotors.com",
    "petitpanda.jp",
    "cloudledger.io",
    "farmtofork-boxes.com",
    "auroracruises.no",
    "clearwatertel.com",
];

pub(crate) const BLOCKED_ADVERTISERS: [&str; 30] = [
    "luckyspin77.com",
    "megajackpot-online.net",
    "fastpaydayloan.co",
    "instantcrypto-wallet.io",
    "cheapmeds-direct.com",
    "vapecloudshop.com",
    "royalbetting.uk",
    "pokerpalace24.com",
    "datingnearby.app",
    "slimtea-official.com",
    "rivalnewspaper.com",
    "competitor-weather.com",
    "bingo-queen.net",
    "forexrocket.trade",
    "casino-aurora.com",
    "weightlosspatch.shop",
    "miracle-cream.store",
    "binaryoptionspro.com",
    "getrichweekly.com",
    "hotchatlive.net",
    "freegiftcards.click",
    "downloadspeedup.com",
    "pcdriverfix.net",
    "astro-lovecoach.com",
    "scratchcards-win.com",
    "tobaccodirect.biz",
    "rivaltelecom.com",
    "gunsmithsupply.us",
    "partyvote2026.org",
    "ticketresell-now.com",
];

/// Content Taxonomy 1.0 ids that publishers block. None is above or below one of [`OPEN_CATEGORIES`].
pub(crate) const BLOCKED_CATEGORIES: [&str; 46] = [
    "IAB7-3", "IAB7-5", "IAB7-25", "IAB7-28", "IAB7-30", "IAB7-31", "IAB7-39", "IAB7-40",
    "IAB7-41", "IAB7-42", "IAB7-44", "IAB7-45", "IAB8-5", "IAB8-18", "IAB9-5", "IAB9-7", "IAB9-9",
    "IAB11", "IAB11-1", "IAB11-4", "IAB11-5", "IAB14-1", "IAB14-2", "IAB14-3", "IAB14-4",
    "IAB14-8", "IAB17-18", "IAB17-44", "IAB23", "IAB23-1", "IAB23-9", "IAB23-10", "IAB24", "IAB25",
    "IAB25-1", "IAB25-2", "IAB25-3", "IAB25-4", "IAB25-5", "IAB25-6", "IAB25-7", "IAB26",
    "IAB26-1", "IAB26-2", "IAB26-3", "IAB26-4",
];

/// Content Taxonomy 1.0 ids of creatives that nobody blocks, children's content included.
pub(crate) const OPEN_CATEGORIES: [&str; 24] = [
    "IAB1-2", "IAB1-5", "IAB2-10", "IAB2-17", "IAB3-1", "IAB4-4", "IAB5-7", "IAB6-6", "IAB10-2",
    "IAB10-9", "IAB12-2", "IAB13-4", "IAB13-7", "IAB15-10", "IAB16-2", "IAB16-3", "IAB18-5",
    "IAB19-6", "IAB19-18", "IAB20-12", "IAB20-20", "IAB21-3", "IAB22-2", "IAB22-4",
];
