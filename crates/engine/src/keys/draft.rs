//! Drafts and edits of keys, turned into domain values.

use crate::access::SiteBook;
use crate::draft::{Faults, parse_addresses, parse_limit};
use crate::{Actor, Engine, EngineError, KeyDraft, KeyEdit, RestrictionDraft};
use keyward_domain::{
    Description, Fingerprint, Hint, Key, KeyId, KeyPatch, KeyStatus, Name, Revision, SiteRule, Timestamp,
    UseCaseName, User,
};

impl Engine {
    /// Reads a draft. The fingerprint and hint are still to be filled in; `None` when there are faults, or no owner: then the
    /// rest is looked at all the same.
    pub(crate) fn read_key_draft(
        &self,
        actor: &Actor,
        draft: &KeyDraft,
        owner: Option<&User>,
        book: &SiteBook,
        faults: &mut Faults,
    ) -> Result<Option<Key>, EngineError> {
        let name = faults.take("name", self.shown(&draft.name, Name::new));
        let description = draft.description.as_deref().unwrap_or_default();
        let description = faults.take("description", self.shown(description, Description::new));
        let use_case = faults.take("use_case", self.use_case_for(draft.use_case.as_deref()));
        let expires_at = draft.expires_at.at().map(str::parse::<Timestamp>);
        let expires_at = faults.take("expires_at", expires_at.transpose());
        let sites = match owner {
            Some(owner) => sites_within(actor, owner, book, &draft.sites),
            None => book.rule(&draft.sites),
        };
        let sites = faults.take("sites", sites);
        let addresses = faults.take("addresses", parse_addresses(&draft.addresses));
        let limit = faults.take("limit", parse_limit(draft.limit));
        let (millis, random) = self.id_parts()?;
        let now = self.clock.now();
        let texts = (name, description, use_case, expires_at);
        let rules = (sites, addresses, limit);
        let (Some(name), Some(description), Some(use_case), Some(expires_at)) = texts else {
            return Ok(None);
        };
        let ((Some(sites), Some(addresses), Some(limit)), Some(owner)) = (rules, owner) else {
            return Ok(None);
        };
        Ok(Some(Key {
            id: KeyId::v7(millis, &random),
            owner: owner.id,
            name,
            description,
            use_case,
            fingerprint: Fingerprint::from_bytes([0; 32]),
            hint: Hint::stored(""),
            status: KeyStatus::Active,
            expires_at,
            sites,
            addresses,
            limit,
            created_at: now,
            updated_at: now,
            revision: Revision(0),
        }))
    }

    /// Reads an edit; names every field that cannot be taken.
    pub(super) fn read_key_edit(
        &self,
        actor: &Actor,
        edit: &KeyEdit,
        owner: &User,
        book: &SiteBook,
    ) -> Result<KeyPatch, EngineError> {
        let mut faults = Faults::of(&edit.misread);
        let patch = KeyPatch {
            name: edit
                .name
                .as_deref()
                .and_then(|name| faults.take("name", self.shown(name, Name::new))),
            description: edit
                .description
                .as_deref()
                .and_then(|text| faults.take("description", self.shown(text, Description::new))),
            sites: edit
                .sites
                .as_ref()
                .and_then(|sites| faults.take("sites", sites_within(actor, owner, book, sites))),
            addresses: edit
                .addresses
                .as_ref()
                .and_then(|addresses| faults.take("addresses", parse_addresses(addresses))),
            limit: edit
                .limit
                .and_then(|limit| faults.take("limit", parse_limit(limit))),
        };
        faults.into_result()?;
        Ok(patch)
    }

    fn use_case_for(&self, name: Option<&str>) -> Result<UseCaseName, String> {
        let found = match name {
            Some(name) => self.catalogue.find(name),
            None => self
                .catalogue
                .iter()
                .find(|use_case| !use_case.name.is_management()),
        };
        found
            .map(|use_case| use_case.name.clone())
            .ok_or_else(|| self.no_such_use_case())
    }

    pub(super) fn no_such_use_case(&self) -> String {
        let names: Vec<&str> = self.catalogue.iter().map(|u| u.name.as_str()).collect();
        format!("there is no such use case; choose of: {}", names.join(", "))
    }
}

fn sites_within(
    actor: &Actor,
    owner: &User,
    book: &SiteBook,
    sites: &RestrictionDraft,
) -> Result<SiteRule, String> {
    if !actor.is_admin() {
        return book.visible_rule(sites, &owner.sites);
    }
    let rule = book.rule(sites)?;
    if rule.ids().is_some() && !rule.is_within(&owner.sites) {
        return Err(format!(
            "the owner {} may not use all of these sites",
            owner.email
        ));
    }
    Ok(rule)
}
