//! Users: create, list, show, edit, enable, disable, delete.

use crate::access::{SiteBook, check_seen};
use crate::audit::user_snapshot;
use crate::draft::Faults;
use crate::in_force::{InForce, Refusal};
use crate::once::check_same_request;
use crate::page::page_size;
use crate::{Actor, Created, Engine, EngineError, FieldFault, Once, Page, Subject, UserDraft, UserEdit};
use keyward_domain::{
    Email, Name, Revision, Role, SiteName, Timestamp, TransitionFault, User, UserId, UserPatch, UserStatus,
};
use keyward_store::{Inserted, UserQuery};

/// A user, as people see it.
#[derive(Clone, Debug)]
pub struct UserView {
    /// The user.
    pub user: User,
    /// The names of their sites; `None` is every site.
    pub sites: Option<Vec<SiteName>>,
    _in_force: InForce,
}

impl UserView {
    pub(crate) fn new(user: User, book: &SiteBook, here: InForce) -> Self {
        Self {
            sites: book.names(&user.sites),
            user,
            _in_force: here,
        }
    }
}

/// Which users to show. Texts as they were sent; each fault is named.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Deleted ones too.
    pub with_deleted: bool,
    /// Only with this text in name or e-mail; neither case nor accents matter.
    pub text: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// How many at most: 1 to 200, else 50.
    pub limit: Option<u32>,
    /// Fields that were sent and could not be read: told together with what else is wrong, and nothing is done.
    pub misread: Vec<FieldFault>,
}

impl Engine {
    /// Makes a user. Admins only.
    ///
    /// # Errors
    /// `Invalid` names every field that cannot be taken; `Conflict` (`email_taken`).
    pub async fn create_user(
        &self,
        actor: &Actor,
        draft: &UserDraft,
        once: Option<&Once>,
    ) -> Result<Created<UserView, UserView>, EngineError> {
        self.require_admin(actor, "user.create", Subject::New("user"))
            .await?;
        self.answer(self.insert_user(actor, draft, once).await).await
    }

    async fn insert_user(
        &self,
        actor: &Actor,
        draft: &UserDraft,
        once: Option<&Once>,
    ) -> Result<Created<UserView, UserView>, Refusal> {
        let mut faults = Faults::of(&draft.misread);
        let earlier = faults.take_from(self.find_earlier(actor, once).await)?;
        if let Some(earlier) = earlier.flatten() {
            return Ok(Created::Replay(self.get_user(actor, &earlier).await?));
        }
        let book = self.site_book().await?;
        let claim = faults.take_from(self.claim(actor, once))?.flatten();
        let mut user = self.read_user_draft(draft, &book, faults)?;
        self.require_new_address(&user.email).await?;
        let after = user_snapshot(&user, &book);
        let event = self.change_event(
            actor,
            "user.create",
            ("user", &user.id.to_string()),
            None,
            Some(after),
        )?;
        match self.store.insert_user(&user, &event, claim.as_ref()).await? {
            Inserted::New(revision) => {
                let here = self.confirm(revision).await?;
                user.revision = revision;
                Ok(Created::New(UserView::new(user, &book, here)))
            }
            Inserted::Replay { target, request_hash } => {
                check_same_request(once, request_hash)?;
                Ok(Created::Replay(self.get_user(actor, &target).await?))
            }
        }
    }

    /// Shows a user, by id or e-mail. Members see themselves.
    ///
    /// # Errors
    /// `NotFound` for users that the actor may not know of.
    pub async fn get_user(&self, actor: &Actor, id_or_email: &str) -> Result<UserView, EngineError> {
        let user = self.find_user(id_or_email).await?;
        match user {
            Some(user) if actor.is_admin() || actor.user() == Some(user.id) => {
                self.user_view(user, &self.site_book().await?).await
            }
            _ => Err(EngineError::NotFound("user")),
        }
    }

    /// Lists users, newest first. Admins only.
    ///
    /// # Errors
    /// `Forbidden` to members.
    pub async fn list_users(
        &self,
        actor: &Actor,
        filter: &UserFilter,
    ) -> Result<Page<UserView>, EngineError> {
        if !actor.is_admin() {
            return Err(EngineError::Forbidden("only an administrator may list users"));
        }
        let mut faults = Faults::of(&filter.misread);
        let query = UserQuery {
            with_deleted: filter.with_deleted,
            text: filter.text.clone().filter(|text| !text.is_empty()),
            after: filter
                .cursor
                .as_deref()
                .and_then(|id| faults.take("cursor", id.parse::<UserId>())),
            most: page_size(filter.limit, &mut faults) + 1,
        };
        faults.into_result()?;
        let book = self.site_book().await?;
        let users = self.store.list_users(&query).await?;
        let read = users.iter().map(|user| user.revision);
        let here = self.confirm_read(read.chain([book.newest()])).await?;
        let views = users
            .into_iter()
            .map(|user| UserView::new(user, &book, here))
            .collect();
        Ok(Page::cut(views, query.most - 1, |view: &UserView| {
            view.user.id.to_string()
        }))
    }

    /// Whether the name or address of anybody, deleted ones too, holds a text.
    pub(crate) async fn is_part_of_a_user(&self, text: &str) -> Result<bool, EngineError> {
        let query = UserQuery {
            with_deleted: true,
            text: Some(text.to_owned()).filter(|text| !text.is_empty()),
            most: 1,
            ..UserQuery::default()
        };
        Ok(query.text.is_some() && !self.store.list_users(&query).await?.is_empty())
    }

    /// Whether anybody can manage this installation. Once somebody can, somebody always can.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot answer.
    pub async fn has_administrator(&self) -> Result<bool, EngineError> {
        self.has_another_admin(None).await
    }

    /// Edits name, role and sites. Admins only.
    ///
    /// # Errors
    /// `Invalid` names every field that cannot be taken; `Stale`; `Conflict` (`last_admin`).
    pub async fn edit_user(
        &self,
        actor: &Actor,
        id_or_email: &str,
        edit: &UserEdit,
        seen: Option<Revision>,
    ) -> Result<UserView, EngineError> {
        let book = self.site_book().await?;
        let mut faults = Faults::of(&edit.misread);
        let patch = UserPatch {
            name: edit
                .name
                .as_deref()
                .and_then(|name| faults.take("name", self.shown(name, Name::new))),
            role: edit
                .role
                .as_deref()
                .and_then(|role| faults.take("role", role.parse::<Role>())),
            sites: edit
                .sites
                .as_ref()
                .and_then(|sites| faults.take("sites", book.rule(sites))),
        };
        let checked = faults.into_result();
        self.change_user(
            actor,
            id_or_email,
            "user.edit",
            seen,
            |user, _| user.apply(patch.clone()),
            checked,
        )
        .await
    }

    /// Makes a user valid again. Admins only.
    ///
    /// # Errors
    /// `Conflict` (`user_deleted`).
    pub async fn enable_user(
        &self,
        actor: &Actor,
        id: &str,
        seen: Option<Revision>,
    ) -> Result<UserView, EngineError> {
        self.change_user(actor, id, "user.enable", seen, |user, _| user.enable(), Ok(()))
            .await
    }

    /// Makes a user invalid: all their keys are refused from the return on. Admins only.
    ///
    /// # Errors
    /// `Conflict`: `user_deleted`, `last_admin`.
    pub async fn disable_user(
        &self,
        actor: &Actor,
        id: &str,
        seen: Option<Revision>,
    ) -> Result<UserView, EngineError> {
        self.change_user(actor, id, "user.disable", seen, |user, _| user.disable(), Ok(()))
            .await
    }

    /// Deletes a user for good: all their keys are refused from the return on. Admins only.
    ///
    /// # Errors
    /// `Conflict`: `user_deleted`, `last_admin`.
    pub async fn delete_user(
        &self,
        actor: &Actor,
        id: &str,
        seen: Option<Revision>,
    ) -> Result<UserView, EngineError> {
        self.change_user(actor, id, "user.delete", seen, User::delete, Ok(()))
            .await
    }

    async fn change_user(
        &self,
        actor: &Actor,
        id_or_email: &str,
        action: &str,
        seen: Option<Revision>,
        change: impl Fn(&mut User, Timestamp) -> Result<(), TransitionFault>,
        checked: Result<(), EngineError>,
    ) -> Result<UserView, EngineError> {
        self.require_admin(actor, action, Subject::User(id_or_email))
            .await?;
        checked?;
        let written = self.write_user(actor, id_or_email, action, seen, change).await;
        self.answer(written).await
    }

    /// Reads, changes and writes a user; when somebody else was faster and the caller did not say what it has seen, again.
    async fn write_user(
        &self,
        actor: &Actor,
        id_or_email: &str,
        action: &str,
        seen: Option<Revision>,
        change: impl Fn(&mut User, Timestamp) -> Result<(), TransitionFault>,
    ) -> Result<UserView, Refusal> {
        loop {
            let before = self
                .find_user(id_or_email)
                .await?
                .ok_or(EngineError::NotFound("user"))?;
            check_seen(seen, before.revision)?;
            let book = self.site_book().await?;
            let mut after = before.clone();
            change(&mut after, self.clock.now())
                .map_err(|_| EngineError::conflict("user_deleted", "the user is deleted for good"))?;
            if after == before {
                return Ok(self.user_view(after, &book).await?);
            }
            self.keep_an_admin(&before, &after).await?;
            let snapshots = (user_snapshot(&before, &book), user_snapshot(&after, &book));
            let target = ("user", &*before.id.to_string());
            let event = self.change_event(actor, action, target, Some(snapshots.0), Some(snapshots.1))?;
            let written = self.store.update_user(&after, before.revision, &event).await;
            if let Some(revision) = self.settle(written, seen).await? {
                after.revision = revision;
                return Ok(self.user_view(after, &book).await?);
            }
        }
    }

    async fn user_view(&self, user: User, book: &SiteBook) -> Result<UserView, EngineError> {
        let here = self.confirm_read([user.revision, book.newest()]).await?;
        Ok(UserView::new(user, book, here))
    }

    /// Somebody must be left who can manage the rest.
    async fn keep_an_admin(&self, before: &User, after: &User) -> Result<(), EngineError> {
        if !manages(before) || manages(after) || self.has_another_admin(Some(before.id)).await? {
            return Ok(());
        }
        Err(EngineError::conflict(
            "last_admin",
            "this is the last active administrator",
        ))
    }

    async fn has_another_admin(&self, than: Option<UserId>) -> Result<bool, EngineError> {
        let mut query = UserQuery {
            most: 200,
            ..UserQuery::default()
        };
        loop {
            let users = self.store.list_users(&query).await?;
            if users.iter().any(|user| Some(user.id) != than && manages(user)) {
                return Ok(true);
            }
            match users.last() {
                Some(last) => query.after = Some(last.id),
                None => return Ok(false),
            }
        }
    }

    /// Reads a draft; names every field that cannot be taken, after those that are known already.
    pub(crate) fn read_user_draft(
        &self,
        draft: &UserDraft,
        book: &SiteBook,
        mut faults: Faults,
    ) -> Result<User, EngineError> {
        let email = faults.take("email", Email::new(&draft.email));
        // The address stands in for a name; when it cannot be taken itself, the name is not at fault.
        let stand_in = email.as_ref().map(|_| local_part(&draft.email));
        let name = draft.name.clone().or(stand_in);
        let name = name.and_then(|name| faults.take("name", self.shown(&name, Name::new)));
        let role = faults.take("role", draft.role.as_deref().unwrap_or("member").parse::<Role>());
        let sites = faults.take("sites", book.rule(&draft.sites));
        faults.into_result()?;
        let (millis, random) = self.id_parts()?;
        match (email, name, role, sites) {
            (Some(email), Some(name), Some(role), Some(sites)) => Ok(User {
                id: UserId::v7(millis, &random),
                email,
                name,
                role,
                status: UserStatus::Active,
                sites,
                created_at: self.clock.now(),
                revision: Revision(0),
            }),
            _ => Err(EngineError::Invalid(Vec::new())),
        }
    }
}

/// What stands before the `@`, as far as a name may be long.
fn local_part(email: &str) -> String {
    let local = email.split('@').next().unwrap_or_default();
    local.chars().take(Name::MAX).collect()
}

fn manages(user: &User) -> bool {
    user.is_valid() && user.role == Role::Admin
}
