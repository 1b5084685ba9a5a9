//! The fields of a key in a form: what was typed is read, and every fault gets a text for its field.
//!
//! The engine has the last word; here the faults that people make are found in time to be told in their language.

use crate::web::form::{Errors, Form};
use crate::web::page::Page;
use jiff::civil::Date;
use keyward_domain::{AddressFault, AddressRule, Description, Name, RateLimit, TextFault, Timestamp};
use keyward_engine::{Engine, EngineError, FieldFault, LimitDraft, RestrictionDraft};

/// The longest list of sites that is shown as boxes to tick.
pub(super) const MOST_BOXES: usize = 60;
/// The most lines at fault that are named.
const MOST_NAMED: usize = 3;

/// What may be changed later.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) sites: RestrictionDraft,
    pub(super) addresses: RestrictionDraft,
    pub(super) limit: LimitDraft,
}

/// A site to choose.
pub(super) struct SiteBox {
    pub(super) name: String,
    /// Whether the key has it, but its owner may not use it any more.
    pub(super) is_lost: bool,
}

impl SiteBox {
    pub(super) fn of(name: String) -> Self {
        Self { name, is_lost: false }
    }
}

/// Reads the fields that a new key and an edit have in common.
pub(super) fn read(page: &Page, form: &Form, errors: &mut Errors) -> Fields {
    let (name, description) = (form.text("name").trim(), form.text("description").trim());
    if let Err(fault) = Name::new(name) {
        errors.add("name", text_fault(page, &fault));
    }
    if let Err(fault) = Description::new(description) {
        errors.add("description", text_fault(page, &fault));
    }
    Fields {
        name: name.to_owned(),
        description: description.to_owned(),
        sites: sites(page, form, errors),
        addresses: addresses(page, form, errors),
        limit: limit(page, form, errors),
    }
}

fn text_fault(page: &Page, fault: &TextFault) -> String {
    match fault {
        TextFault::Empty => page.t("key-fault-empty").into_owned(),
        TextFault::TooLong { max, found } => page
            .t2("key-fault-too-long", ("max", *max), ("found", *found))
            .into_owned(),
        TextFault::Control | TextFault::Invisible | TextFault::NotEmail => {
            page.t("key-fault-control").into_owned()
        }
    }
}

fn sites(page: &Page, form: &Form, errors: &mut Errors) -> RestrictionDraft {
    let mut named: Vec<String> = form.all("sites").map(str::to_owned).collect();
    named.extend(form.lines("site-names"));
    listed(page, form.text("sites-rule"), named, errors, "sites")
}

fn addresses(page: &Page, form: &Form, errors: &mut Errors) -> RestrictionDraft {
    let lines = form.lines("addresses");
    check_addresses(page, form.text("addresses"), errors);
    let rule = form.text("addresses-rule");
    listed(page, rule, lines, errors, "addresses")
}

/// What a choice between everything and a list stands for. A list beside the choice of everything is a fault: nobody
/// should believe in a restriction that is not there.
fn listed(page: &Page, rule: &str, list: Vec<String>, errors: &mut Errors, field: &str) -> RestrictionDraft {
    let fault = match rule {
        "any" if list.is_empty() => return RestrictionDraft::Any,
        "any" => "contradiction",
        "listed" if !list.is_empty() => return RestrictionDraft::Only(list),
        "listed" => "nothing",
        _ => "rule",
    };
    errors.add(field, page.t(&format!("key-fault-{field}-{fault}")));
    RestrictionDraft::Only(list)
}

/// Names the lines that are no address, the first few of them.
fn check_addresses(page: &Page, text: &str, errors: &mut Errors) {
    let lines = text.lines().map(str::trim).zip(1_usize..);
    let mut faults = Vec::new();
    for (line, number) in lines.filter(|(line, _)| !line.is_empty()) {
        if let Err(fault) = AddressRule::listed([line]) {
            faults.push(address_fault(page, number, line, &fault));
        }
    }
    if faults.is_empty() {
        if let Err(AddressFault::TooMany(_)) =
            AddressRule::listed(text.lines().map(str::trim).filter(|line| !line.is_empty()))
        {
            errors.add("addresses", page.t("key-fault-addresses-many"));
        }
        return;
    }
    let more = faults.len().saturating_sub(MOST_NAMED);
    faults.truncate(MOST_NAMED);
    if more > 0 {
        faults.push(page.t1("key-fault-addresses-more", "count", more).into_owned());
    }
    errors.add("addresses", faults.join(" "));
}

fn address_fault(page: &Page, number: usize, line: &str, fault: &AddressFault) -> String {
    let place = page.t1("key-fault-line", "number", number);
    let shown: String = line.chars().filter(|c| !c.is_control()).take(64).collect();
    let text = match fault {
        AddressFault::HostBits { network, host, .. } => page.t2(
            "key-fault-address-bits",
            ("network", network.as_str()),
            ("host", host.as_str()),
        ),
        AddressFault::Mapped(_) => page.t1("key-fault-address-mapped", "given", shown.as_str()),
        AddressFault::NotAddress(_) | AddressFault::TooMany(_) => {
            page.t1("key-fault-address", "given", shown.as_str())
        }
    };
    format!("{place} {text}")
}

fn limit(page: &Page, form: &Form, errors: &mut Errors) -> LimitDraft {
    let Some(text) = form.filled("limit") else {
        return LimitDraft::Unlimited;
    };
    let limit = text
        .parse::<u32>()
        .ok()
        .filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    match limit.map(RateLimit::new) {
        Some(Ok(limit)) => LimitDraft::PerMinute(limit.per_minute().into()),
        _ => {
            errors.add("limit", page.t("key-fault-limit"));
            LimitDraft::Unlimited
        }
    }
}

/// Reads the expiry: a number of days, the first day on which the key is refused (in the person's zone), or never.
pub(super) fn expiry(page: &Page, form: &Form, errors: &mut Errors) -> Option<Timestamp> {
    let now = page.moments.now;
    let fault = match form.text("expiry") {
        "never" => return None,
        "30" => return Some(now.plus_days(30)),
        "90" => return Some(now.plus_days(90)),
        "365" => return Some(now.plus_days(365)),
        "date" => match day(page, form.text("expiry-date").trim()) {
            Some(at) if at > now => return Some(at),
            Some(_) => "key-fault-expiry-past",
            None => "key-fault-expiry-date",
        },
        _ => "key-fault-expiry",
    };
    errors.add("expiry", page.t(fault));
    None
}

fn day(page: &Page, text: &str) -> Option<Timestamp> {
    if text.len() != 10 {
        return None;
    }
    let day = Date::strptime("%Y-%m-%d", text).ok()?;
    let start = day.to_zoned_datetime(page.moments.zone.clone()).ok()?;
    Some(Timestamp::from_millis(start.timestamp().as_millisecond()))
}

/// Whether a use case can be chosen.
pub(super) fn use_case(page: &Page, engine: &Engine, form: &Form, errors: &mut Errors) -> String {
    let name = form.text("use-case");
    if engine.catalogue().find(name).is_none() {
        errors.add("use-case", page.t("key-fault-use-case"));
    }
    name.to_owned()
}

/// Puts the faults that the engine found at their fields; any other error goes on.
///
/// # Errors
/// Whatever is no fault of a field.
pub(super) fn note(page: &Page, error: EngineError, errors: &mut Errors) -> Result<(), EngineError> {
    let EngineError::Invalid(faults) = error else {
        return Err(error);
    };
    for fault in &faults {
        let (field, text) = place(fault);
        errors.add(field, page.t(text));
    }
    Ok(())
}

fn place(fault: &FieldFault) -> (&'static str, &'static str) {
    match &*fault.field {
        "owner" => ("owner", "key-fault-owner"),
        "sites" => ("sites", "key-fault-sites"),
        "addresses" => ("addresses", "key-fault-other"),
        "expires_at" => ("expiry", "key-fault-expiry-past"),
        "use_case" => ("use-case", "key-fault-use-case"),
        "limit" => ("limit", "key-fault-limit"),
        // All else about a text was found before.
        "name" => ("name", "key-fault-secret"),
        "description" => ("description", "key-fault-secret"),
        "Idempotency-Key" => ("form", "key-fault-claim"),
        _ => ("name", "key-fault-other"),
    }
}
