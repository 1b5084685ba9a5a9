//! What every page knows: language, theme, who looks, where they are, and what to say to them.

use super::language::Language;
use super::moment::{Moment, Moments};
use super::person::Person;
use super::visit::Visit;
use crate::web::assets;
use fluent_bundle::FluentValue;
use keyward_domain::{Timestamp, UseCase};
use std::borrow::Cow;

/// How a page looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Theme {
    /// As the system says.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.word() == word)
    }
}

/// The entry of the menu that a page belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// None of them.
    Outside,
    Keys,
    Health,
    Users,
    Sites,
    UseCases,
    Audit,
    System,
    Account,
}

impl Place {
    const fn word(self) -> &'static str {
        match self {
            Self::Outside => "",
            Self::Keys => "keys",
            Self::Health => "health",
            Self::Users => "users",
            Self::Sites => "sites",
            Self::UseCases => "use-cases",
            Self::Audit => "audit",
            Self::System => "system",
            Self::Account => "account",
        }
    }
}

/// Who looks at a page.
#[derive(Clone, Debug)]
pub(crate) struct Viewer {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) is_admin: bool,
}

/// What a template knows of its surroundings.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) language: Language,
    pub(crate) theme: Theme,
    pub(crate) place: Place,
    pub(crate) viewer: Option<Viewer>,
    /// Goes into every form: shows that the form stood on a page of ours.
    pub(crate) token: String,
    /// What was just done, said once.
    pub(crate) flash: Option<String>,
    /// Where the switches of language and theme come back to. A page that is not to be had again has none.
    pub(crate) back: Option<String>,
    pub(crate) moments: Moments,
}

impl Page {
    /// A page for whoever is there.
    pub(crate) fn new(visit: &Visit, place: Place, person: Option<&Person>) -> Self {
        Self {
            language: visit.language,
            theme: visit.theme,
            place,
            viewer: person.map(Person::viewer),
            token: person.map_or_else(String::new, |person| person.token.clone()),
            flash: visit
                .flash
                .as_deref()
                .map(|id| visit.language.text(id).into_owned()),
            back: Some(visit.path.clone()),
            moments: Moments {
                now: visit.now,
                zone: visit.zone.clone(),
                language: visit.language,
            },
        }
    }

    /// The same page, with switches that come back to another. An answer to a change at whose path no page can be asked for
    /// needs it.
    pub(crate) fn back_to(mut self, path: &str) -> Self {
        self.back = Some(path.to_owned());
        self
    }

    /// The same page without switches, for what is shown once.
    pub(crate) fn once(mut self) -> Self {
        self.back = None;
        self
    }

    /// A text.
    pub(crate) fn t(&self, id: &str) -> Cow<'static, str> {
        self.language.text(id)
    }

    /// A text with one value in it.
    pub(crate) fn t1<'v>(
        &self,
        id: &str,
        name: &'static str,
        value: impl Into<FluentValue<'v>>,
    ) -> Cow<'static, str> {
        self.language.text_with(id, &[(name, value.into())])
    }

    /// A text with two values in it.
    pub(crate) fn t2<'v>(
        &self,
        id: &str,
        first: (&'static str, impl Into<FluentValue<'v>>),
        second: (&'static str, impl Into<FluentValue<'v>>),
    ) -> Cow<'static, str> {
        self.language
            .text_with(id, &[(first.0, first.1.into()), (second.0, second.1.into())])
    }

    /// What people read of a use case. The one that there is without a configuration is ours, so it is in their language.
    pub(crate) fn use_case_title(&self, entry: &UseCase) -> String {
        if entry.title == UseCase::REST_API_TITLE {
            self.t("use-case-rest-api").into_owned()
        } else {
            entry.title.clone()
        }
    }

    /// An instant.
    pub(crate) fn moment(&self, at: &Timestamp) -> Moment {
        self.moments.show(*at)
    }

    /// The name of a theme.
    pub(crate) fn theme_name(&self, theme: &Theme) -> Cow<'static, str> {
        match theme {
            Theme::System => self.t("theme-system"),
            Theme::Light => self.t("theme-light"),
            Theme::Dark => self.t("theme-dark"),
        }
    }

    /// Whether the page belongs to an entry of the menu.
    pub(crate) fn is_at(&self, word: &str) -> bool {
        self.place.word() == word
    }

    pub(crate) fn languages(&self) -> [Language; 2] {
        Language::ALL
    }

    pub(crate) fn themes(&self) -> [Theme; 3] {
        Theme::ALL
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.is_admin)
    }

    pub(crate) fn stylesheet(&self) -> &'static str {
        assets::STYLE.path()
    }

    pub(crate) fn script(&self) -> &'static str {
        assets::SCRIPT.path()
    }

    pub(crate) fn icon(&self) -> &'static str {
        assets::ICON.path()
    }
}
