//! What Kong attaches to a consumer and what may narrow its keys down: without it a key could do more than before.

use super::consumer::Consumer;
use crate::Place;
use crate::import::rows::pages::Part;

/// What is attached.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Plugin,
    AclGroup,
    ConsumerGroup,
}

/// Something attached to a consumer.
pub(super) struct Restriction {
    pub(super) place: Place,
    kind: Kind,
    name: Option<String>,
    consumer: Consumer,
}

impl Restriction {
    /// `None` for what is switched off.
    pub(super) fn of(item: &Part<'_>, kind: Kind, consumer: &Consumer, place: Place) -> Option<Self> {
        if item
            .field("enabled")
            .is_some_and(|enabled| enabled.is_word("false"))
        {
            return None;
        }
        let field = match kind {
            Kind::AclGroup => "group",
            Kind::Plugin | Kind::ConsumerGroup => "name",
        };
        Some(Self {
            place,
            kind,
            name: item.text(field).ok().flatten(),
            consumer: consumer.clone(),
        })
    }

    /// The names that its message may show.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.name.iter().chain(self.consumer.names())
    }

    /// What is told of it. A name that may not be shown is left out.
    pub(super) fn message(&self, may_show: impl Fn(&str) -> bool) -> String {
        let may_show = |name: &str| name.len() <= 256 && may_show(name);
        let kind = match self.kind {
            Kind::Plugin => "plugin",
            Kind::AclGroup => "ACL group",
            Kind::ConsumerGroup => "consumer group",
        };
        let what = match self.name.as_deref().filter(|name| may_show(name)) {
            Some(name) => format!("the {kind} `{name}`"),
            None if matches!(self.kind, Kind::AclGroup) => format!("an {kind}"),
            None => format!("a {kind}"),
        };
        let whom = match self.consumer.names().find(|name| may_show(name)) {
            Some(name) => format!("the consumer `{name}`"),
            None => "a consumer".to_owned(),
        };
        format!(
            "{what} of {whom} may restrict its keys and is not taken over: remove it from the file to take the keys over without it"
        )
    }
}
