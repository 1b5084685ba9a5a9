//! What can be left open, for the OpenAPI document: objects with exactly one member. No unions: the programs that write
//! clients in C#, Java and Go stumble over them.

use keyward_engine::{ADDRESSES, ChoiceForm, EXPIRES_AT, LIMIT, SITES};
use std::borrow::Cow;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{KnownFormat, Ref, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// Names a choice, says what its members mean, and what the value is.
macro_rules! choice {
    ($type:ident, $name:literal, $form:expr, $about:literal, $open:literal, $set:expr) => {
        #[doc = $about]
        pub(crate) struct $type;

        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }

        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                one_of(&$form, $about, $open, $set)
            }
        }
    };
}

choice!(
    SitesChoice,
    "Sites",
    SITES,
    "Sites, in exactly one member: `{\"any\": true}` is every site, `{\"only\": [\"123\"]}` these alone.",
    "Every site",
    texts(
        "These sites alone, by name; an empty list is none",
        (1, 64),
        "^[A-Za-z0-9._-]+$",
        None
    )
);
choice!(
    AddressesChoice,
    "Addresses",
    ADDRESSES,
    "Client addresses, in exactly one member: `{\"any\": true}` is every address, `{\"only\": [\"192.0.2.0/24\"]}` these alone.",
    "Every address",
    texts(
        "These addresses and networks alone (IPv4, IPv6, CIDR); an empty list is none",
        (2, 49),
        "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$",
        Some(1000)
    )
);
choice!(
    LimitChoice,
    "Limit",
    LIMIT,
    "A limit, in exactly one member: `{\"unlimited\": true}`, or `{\"per_minute\": 60}`.",
    "No limit",
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .description(Some("Requests a minute"))
        .minimum(Some(1))
        .maximum(Some(1_000_000))
        .into()
);
choice!(
    ExpiryChoice,
    "Expiry",
    EXPIRES_AT,
    "An expiry, in exactly one member: `{\"never\": true}`, or `{\"at\": \"2027-12-31T00:00:00Z\"}`.",
    "It does not expire",
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("First instant (RFC 3339) at which the key is refused"))
        .into()
);
choice!(
    RoutesChoice,
    "Routes",
    SITES,
    "Routes, in exactly one member: `{\"any\": true}` is every route, `{\"only\": [...]}` these alone.",
    "Every route",
    ArrayBuilder::new()
        .items(RefOr::Ref(Ref::from_schema_name("Route")))
        .description(Some("These routes alone"))
        .into()
);
choice!(
    MethodsChoice,
    "Methods",
    SITES,
    "Methods, in exactly one member: `{\"any\": true}` is every method, `{\"only\": [\"GET\"]}` these alone.",
    "Every method",
    texts(
        "These methods alone",
        (1, 64),
        "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
        None
    )
);

/// Texts of so many characters that are written like this, so many of them at most where there is a bound.
fn texts(about: &str, (shortest, longest): (usize, usize), pattern: &str, most: Option<usize>) -> Schema {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(shortest))
        .max_length(Some(longest))
        .pattern(Some(pattern));
    ArrayBuilder::new()
        .items(text)
        .max_items(most)
        .description(Some(about))
        .into()
}

fn one_of(form: &ChoiceForm, about: &str, open: &str, set: Schema) -> RefOr<Schema> {
    let word = ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .enum_values(Some([true]))
        .description(Some(open));
    let object = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(about))
        .property(form.open, word)
        .property(form.set, set)
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .min_properties(Some(1))
        .max_properties(Some(1));
    RefOr::T(object.into())
}
