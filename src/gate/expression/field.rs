//! What an expression can read: one line a field.

use std::fmt;
use std::ops::Deref;

use crate::auction::JoinedBid;
use crate::openrtb::{
    Categories, Category, Content, DEFAULT_CURRENCY, Deal, Floor, Price, Text, Texts,
};

/// A field by the name it has in expressions, with how it is read. Names are OpenRTB's own paths.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) read: Read,
    #[cfg_attr(not(test), expect(dead_code, reason = "a test holds the page to it"))]
    /// What it is, as `docs/gates/expression.md` has it.
    pub(super) about: &'static str,
}

/// How a field is read of a bid and what belongs to it; the type of its value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Read {
    /// None when absent or no finite double.
    Number(fn(&Subject<'_>) -> Option<f64>),
    /// Empty when absent.
    Text(for<'a> fn(&Subject<'a>) -> &'a [u8]),
    /// Empty when absent.
    Texts(for<'a> fn(&Subject<'a>) -> TextList<'a>),
    Flag(fn(&Subject<'_>) -> bool),
}

/// Texts of a payload, and the bytes they point into.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TextList<'a> {
    entries: Entries<'a>,
    texts: Texts<'a>,
}

/// Lists of either kind that payloads are read into.
#[derive(Clone, Copy, Debug)]
enum Entries<'a> {
    Texts(&'a [Text]),
    Categories(&'a [Category]),
    CategoryList(Categories<'a>),
}

impl Default for Entries<'_> {
    fn default() -> Self {
        Self::Texts(&[])
    }
}

impl<'a> From<&'a [Text]> for Entries<'a> {
    fn from(entries: &'a [Text]) -> Self {
        Self::Texts(entries)
    }
}

impl<'a> From<&'a [Category]> for Entries<'a> {
    fn from(entries: &'a [Category]) -> Self {
        Self::Categories(entries)
    }
}

impl<'a> From<Categories<'a>> for Entries<'a> {
    fn from(entries: Categories<'a>) -> Self {
        Self::CategoryList(entries)
    }
}

impl<'a> TextList<'a> {
    pub(super) const fn len(self) -> usize {
        match self.entries {
            Entries::Texts(entries) => entries.len(),
            Entries::Categories(entries) => entries.len(),
            Entries::CategoryList(entries) => entries.len(),
        }
    }

    pub(super) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let (mut texts, mut categories, mut list) = (&[][..], &[][..], None);
        match self.entries {
            Entries::Texts(entries) => texts = entries,
            Entries::Categories(entries) => categories = entries,
            Entries::CategoryList(entries) => list = Some(entries),
        }
        let listed = list.into_iter().flat_map(|list| list.iter());
        let ids = categories.iter().copied().chain(listed);
        let texts = texts.iter().copied().chain(ids.map(|category| category.id));
        texts.map(move |text| self.texts.bytes(text))
    }
}

impl Field {
    /// The field of that name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|field| field.name == name)
    }

    /// Whether it needs the bid's deal.
    pub(super) fn is_of_deal(&self) -> bool {
        self.name.starts_with("deal.")
    }
}

/// By name: the table says the rest.
impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Every field, in the order of the page.
#[rustfmt::skip]
pub(super) const FIELDS: &[Field] = &[
    number("request.tmax", |bid| bid.auction.request.tmax_ms(), "milliseconds that the exchange allows"),
    flag("request.coppa", |bid| bid.auction.request.coppa(), "`regs.coppa` or `regs.ext.coppa`; absent is false"),
    texts("request.bcat", |bid| bid.of_request(bid.auction.request.blocked_categories()), "blocked categories, without blanks"),
    texts("request.acat", |bid| bid.of_request(bid.auction.request.allowed_categories()), "allowed categories, without blanks"),
    number("request.cattax", |bid| integer(bid.auction.request.taxonomy().0), "taxonomy of `bcat` and `acat`; absent is 1"),
    texts("site.content.cat", |bid| bid.content_categories(bid.site_content()), "categories of the content, without blanks"),
    text("site.content.contentrating", |bid| bid.request_text(bid.site_content().rating), "rating of the content"),
    texts("app.content.cat", |bid| bid.content_categories(bid.app_content()), "categories of the content, without blanks"),
    text("app.content.contentrating", |bid| bid.request_text(bid.app_content().rating), "rating of the content"),
    text("app.bundle", |bid| bid.request_text(bid.app_names()[0]), "store id of the app"),
    text("app.name", |bid| bid.request_text(bid.app_names()[1]), "name of the app"),
    text("imp.id", |bid| bid.request_text(bid.imp.and_then(|imp| imp.id)), "the imp that the bid is for: the first whose id is `bid.impid`"),
    number("imp.bidfloor", |bid| bid.imp_floor().value.map(first), "floor of that imp, CPM"),
    text("imp.bidfloorcur", |bid| bid.floor_currency(bid.imp.map(|imp| imp.floor)), "currency of that floor; absent is USD, but empty without an imp"),
    text("deal.id", |bid| bid.request_text(bid.deal.and_then(|deal| deal.id)), "the deal that the bid names: the first of its imp whose id is `bid.dealid`"),
    number("deal.bidfloor", |bid| bid.deal_floor().value.map(first), "floor of that deal, CPM"),
    text("deal.bidfloorcur", |bid| bid.floor_currency(bid.deal.map(|deal| deal.floor)), "currency of that floor; absent is USD, but empty without a deal"),
    text("response.cur", |bid| bid.price_currency(), "currency of every price; absent is USD"),
    text("bid.id", |bid| bid.response_text(bid.bid.id), "id of the bid"),
    text("bid.impid", |bid| bid.response_text(bid.bid.impid), "id of the imp that it is for"),
    number("bid.price", |bid| price(bid.bid.price), "price, CPM, in `response.cur`"),
    text("bid.dealid", |bid| bid.response_text(bid.bid.deal_id), "id of the deal that it belongs to"),
    texts("bid.adomain", |bid| bid.of_response(bid.advertiser_domains()), "advertiser domains; an entry that is no string is empty"),
    texts("bid.cat", |bid| bid.of_response(bid.categories()), "categories of the creative, without blanks"),
    number("bid.cattax", |bid| integer(bid.taxonomy().0), "taxonomy of `bid.cat`; absent is 1"),
    number("bid.qagmediarating", |bid| integer(bid.bid.media_rating?.0), "media rating by IQG guidelines"),
    text("call.agent_id", |bid| bid.auction.call.agent_id.as_bytes(), "who produced the bid"),
    text("call.tool", |bid| bid.auction.call.tool.as_bytes(), "the integration or exchange that the bid goes to"),
    number("call.latency_ms", |bid| bid.auction.call.latency_ms, "the bidder's own latency, milliseconds"),
];

const fn number(
    name: &'static str,
    read: fn(&Subject<'_>) -> Option<f64>,
    about: &'static str,
) -> Field {
    let read = Read::Number(read);
    Field { name, read, about }
}

const fn text(
    name: &'static str,
    read: for<'a> fn(&Subject<'a>) -> &'a [u8],
    about: &'static str,
) -> Field {
    let read = Read::Text(read);
    Field { name, read, about }
}

const fn texts(
    name: &'static str,
    read: for<'a> fn(&Subject<'a>) -> TextList<'a>,
    about: &'static str,
) -> Field {
    let read = Read::Texts(read);
    Field { name, read, about }
}

const fn flag(name: &'static str, read: fn(&Subject<'_>) -> bool, about: &'static str) -> Field {
    let read = Read::Flag(read);
    Field { name, read, about }
}

/// A bid as fields are read of it. Whatever is read, and how often, takes constant time.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    joined: &'a JoinedBid<'a>,
    /// Looked for once a bid, because that takes longer than a step.
    deal: Option<&'a Deal>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(joined: &'a JoinedBid<'a>, reads_deal: bool) -> Self {
        let deal = if reads_deal { joined.deal() } else { None };
        Self { joined, deal }
    }
}

impl<'a> Deref for Subject<'a> {
    type Target = JoinedBid<'a>;

    fn deref(&self) -> &JoinedBid<'a> {
        self.joined
    }
}

/// What several fields are reached by.
impl<'a> Subject<'a> {
    fn request_text(&self, text: Option<Text>) -> &'a [u8] {
        let texts = self.auction.request.texts();
        text.map(|text| texts.bytes(text)).unwrap_or_default()
    }

    fn response_text(&self, text: Option<Text>) -> &'a [u8] {
        let texts = self.auction.response.texts();
        text.map(|text| texts.bytes(text)).unwrap_or_default()
    }

    fn of_request(&self, entries: impl Into<Entries<'a>>) -> TextList<'a> {
        let texts = *self.auction.request.texts();
        let entries = entries.into();
        TextList { entries, texts }
    }

    fn of_response(&self, entries: impl Into<Entries<'a>>) -> TextList<'a> {
        let texts = *self.auction.response.texts();
        let entries = entries.into();
        TextList { entries, texts }
    }

    fn content_categories(&self, content: Content) -> TextList<'a> {
        self.of_request(self.auction.request.content_categories(content))
    }

    fn site_content(&self) -> Content {
        let [site, _] = self.auction.request.contents();
        site
    }

    fn app_content(&self) -> Content {
        let [_, app] = self.auction.request.contents();
        app
    }

    fn app_names(&self) -> [Option<Text>; 2] {
        self.auction.request.app_names()
    }

    fn imp_floor(&self) -> Floor {
        self.imp.map(|imp| imp.floor).unwrap_or_default()
    }

    fn deal_floor(&self) -> Floor {
        self.deal.map(|deal| deal.floor).unwrap_or_default()
    }

    /// As it is written: taking white space off may take long.
    fn floor_currency(&self, floor: Option<Floor>) -> &'a [u8] {
        floor
            .map(|floor| or_default(self.request_text(floor.currency)))
            .unwrap_or_default()
    }

    fn price_currency(&self) -> &'a [u8] {
        or_default(self.response_text(self.auction.response.currency()))
    }
}

const fn or_default(code: &[u8]) -> &[u8] {
    if code.is_empty() {
        DEFAULT_CURRENCY
    } else {
        code
    }
}

const fn first((value, _): (f64, Text)) -> f64 {
    value
}

const fn price(price: Price) -> Option<f64> {
    match price {
        Price::Number(value, _) => Some(value),
        Price::Absent | Price::NotANumber => None,
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::unnecessary_wraps,
    reason = "a number of a payload is a double to an expression; read like those that may be absent"
)]
const fn integer(value: i64) -> Option<f64> {
    Some(value as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_row_for_each_field() {
        let page = include_str!("../../../docs/gates/expression.md");
        let rows = page
            .split("| field | type | is |\n| --- | --- | --- |\n")
            .nth(1)
            .unwrap();
        let told: Vec<_> = rows.lines().take_while(|line| !line.is_empty()).collect();
        let expected: Vec<_> = FIELDS.iter().map(row).collect();
        assert_eq!(told.join("\n"), expected.join("\n"));
    }

    fn row(field: &Field) -> String {
        let read = match field.read {
            Read::Number(_) => "number",
            Read::Text(_) => "text",
            Read::Texts(_) => "list of texts",
            Read::Flag(_) => "true or false",
        };
        format!("| `{}` | {read} | {} |", field.name, field.about)
    }
}
