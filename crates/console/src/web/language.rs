//! The languages of the console, and the texts in them.
//!
//! Texts are Fluent messages in `locales/<language>/<area>.ftl`. A text that is missing shows its id, and a test fails.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use std::borrow::Cow;
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

/// A language that people can choose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Language {
    #[default]
    English,
    French,
}

impl Language {
    /// Every language, in the order in which they are offered.
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::French];

    /// Its tag (BCP 47), as it stands in pages, cookies and the database.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    /// Its name, in itself.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::French => "Français",
        }
    }

    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// The first language of a browser's list (`Accept-Language`, RFC 9110 §12.5.4) that we speak; those of weight 0 are
    /// not wanted. Browsers list them by weight, so the order stands for it.
    pub(crate) fn preferred(accepted: &str) -> Option<Self> {
        accepted.split(',').take(20).find_map(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            let tag = parts.next()?.to_ascii_lowercase();
            if parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000")) {
                return None;
            }
            Self::of_tag(tag.split('-').next()?)
        })
    }

    /// The text of an id.
    pub(crate) fn text(self, id: &str) -> Cow<'static, str> {
        self.text_with(id, &[])
    }

    /// The text of an id, with values put in.
    pub(crate) fn text_with(self, id: &str, values: &[(&'static str, FluentValue<'_>)]) -> Cow<'static, str> {
        let bundle = match self {
            Self::English => &*ENGLISH,
            Self::French => &*FRENCH,
        };
        let Some(pattern) = bundle.get_message(id).and_then(|message| message.value()) else {
            return Cow::Owned(id.to_owned());
        };
        let mut args = FluentArgs::with_capacity(values.len());
        for (name, value) in values {
            args.set(*name, value.clone());
        }
        let mut errors = Vec::new();
        Cow::Owned(
            bundle
                .format_pattern(pattern, Some(&args), &mut errors)
                .into_owned(),
        )
    }
}

type Bundle = FluentBundle<FluentResource>;

/// Both languages' files, area by area, so that none is forgotten in one of them.
macro_rules! areas {
    ($($area:literal),+ $(,)?) => {
        const ENGLISH_FILES: &[&str] = &[$(include_str!(concat!("../../locales/en/", $area, ".ftl"))),+];
        const FRENCH_FILES: &[&str] = &[$(include_str!(concat!("../../locales/fr/", $area, ".ftl"))),+];
    };
}

areas!["common", "keys", "account", "admin"];

static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::English, ENGLISH_FILES));
static FRENCH: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::French, FRENCH_FILES));

fn bundle(language: Language, files: &[&str]) -> Bundle {
    let locale: LanguageIdentifier = language.tag().parse().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![locale]);
    // The marks that isolate values would end up in what people copy.
    bundle.set_use_isolating(false);
    for file in files {
        // What does not parse is left out; the tests find it.
        let resource = FluentResource::try_new((*file).to_owned()).unwrap_or_else(|(parsed, _)| parsed);
        let _ = bundle.add_resource(resource);
    }
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn ids(files: &[&str]) -> BTreeSet<String> {
        let id = |line: &str| Some(line.split_once(" =")?.0.to_owned());
        let lines = files.iter().flat_map(|file| file.lines());
        lines
            .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
            .filter_map(id)
            .collect()
    }

    #[test]
    fn both_languages_have_the_same_texts() {
        assert_eq!(ids(ENGLISH_FILES), ids(FRENCH_FILES));
    }

    #[test]
    fn every_file_is_well_formed_and_no_text_is_given_twice() {
        for files in [ENGLISH_FILES, FRENCH_FILES] {
            let mut bundle = Bundle::new_concurrent(vec![LanguageIdentifier::default()]);
            for file in files {
                let resource = FluentResource::try_new((*file).to_owned())
                    .map_err(|(_, faults)| faults)
                    .unwrap();
                bundle.add_resource(resource).unwrap();
            }
        }
    }

    #[test]
    fn every_text_that_a_page_asks_for_is_there() {
        let known = ids(ENGLISH_FILES);
        let mut asked = 0;
        for folder in ["templates", "src/web"] {
            for text in sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
                for piece in [".t(\"", ".t1(\"", ".t2(\""]
                    .iter()
                    .flat_map(|call| text.split(call).skip(1))
                {
                    let id = piece.split('"').next().unwrap_or_default();
                    assert!(known.contains(id), "no text `{id}`");
                    asked += 1;
                }
            }
        }
        assert!(asked > 10, "{asked}");
    }

    fn sources(folder: &std::path::Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(sources(&path));
            } else if path.file_name().is_some_and(|name| name != "language.rs") {
                found.push(std::fs::read_to_string(path).unwrap());
            }
        }
        found
    }

    #[test]
    fn the_browsers_first_language_that_we_speak_is_taken() {
        let table = [
            ("fr-CA,fr;q=0.9,en;q=0.8", Some(Language::French)),
            ("de,en-GB;q=0.7", Some(Language::English)),
            ("fr;q=0,en", Some(Language::English)),
            ("de", None),
            ("", None),
            (";;;,,,", None),
        ];
        for (accepted, language) in table {
            assert_eq!(Language::preferred(accepted), language, "{accepted}");
        }
    }
}
