//! The web console: pages for people, rendered on the server.
//!
//! A page passes, from the outside in: the layer that dresses every answer (`guard`), the layer that knows who is signed in
//! (`person`), and one handler in `pages`. A handler decodes (`form`), calls one use case of the engine, and renders a
//! template with a [`page::Page`]: language, theme, zone, who looks. Texts stand in `locales/`, one file per area and
//! language; templates in `templates/`; styles and scripts in `assets/`. Who adds a page writes a handler and a template,
//! names it in its area's router, and gives each text an id in both languages (a test compares them).
//!
//! Everything works without scripts but charts' tips and copying. No page loads anything from elsewhere.

mod answer;
mod assets;
mod cookies;
mod difference;
mod form;
mod landing;
mod language;
mod moment;
mod origin;
mod own_path;
mod page;
mod pages;
mod person;
mod said;
mod visit;

pub(crate) use answer::IsPage;
pub(crate) use assets::KeepForEver;
pub(crate) use cookies::Jar;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use form::form_fields;
pub use pages::CALLBACK;
pub(crate) use pages::{router, show_nothing};
