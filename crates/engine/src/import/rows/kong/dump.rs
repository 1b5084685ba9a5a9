//! A dump by decK, or a declarative configuration.

use super::Reader;
use super::restriction::Kind;
use crate::import::rows::pages::Part;

/// How deep services and routes stand in one another: a dump, its services, their routes.
const MOST_DEPTH: usize = 2;

impl Reader<'_, '_> {
    pub(super) fn read_dump(&mut self, part: &Part<'_>) {
        let is_dump = part.has("consumers") || part.has("keyauth_credentials");
        if !is_dump {
            let place = self.place(part);
            let message =
                "is neither a page of Kong's Admin API (with `data`) nor a dump in JSON (with `consumers`)";
            return self.out.told.fault(place, None, message);
        }
        self.note_rest(part);
        if let Some(list) = self.list(part, "consumers") {
            for consumer in list.items().into_iter().flatten() {
                if !self.wants_more() {
                    return;
                }
                self.read_consumer(&consumer);
            }
        }
        if let Some(list) = self.list(part, "keyauth_credentials") {
            for key in list.items().into_iter().flatten() {
                if !self.wants_more() {
                    return;
                }
                self.read_key(&key, None);
            }
        }
        self.find_restrictions(part, 0);
    }

    fn note_rest(&mut self, part: &Part<'_>) {
        for name in part.filled() {
            if matches!(
                name.as_str(),
                "services" | "routes" | "upstreams" | "plugins" | "consumer_groups"
            ) {
                let place = self.place(part);
                let message = "services, routes, upstreams, plugins and groups are not imported: only keys and whom they belong to";
                self.out.told.note(place, None, message);
            }
        }
    }

    /// What names its consumer from elsewhere: beside the consumers, or within a service or a route.
    fn find_restrictions(&mut self, part: &Part<'_>, depth: usize) {
        if depth > MOST_DEPTH {
            return;
        }
        for (field, kind) in [
            ("acls", Some(Kind::AclGroup)),
            ("plugins", Some(Kind::Plugin)),
            ("services", None),
            ("routes", None),
        ] {
            let list = part.field(field);
            for item in list.as_ref().and_then(Part::items).into_iter().flatten() {
                match kind {
                    Some(kind) => self.take_restriction(&item, kind, None),
                    None => self.find_restrictions(&item, depth + 1),
                }
            }
        }
    }
}
