//! Texts of which there are a few, for the OpenAPI document alone: clients that are written by a program get a type.

#![expect(dead_code, reason = "only described here")]

use utoipa::ToSchema;

/// Where a key is in its life.
#[derive(ToSchema)]
#[schema(as = KeyStatus, rename_all = "lowercase")]
pub(crate) enum KeyStatusWord {
    Active,
    Disabled,
    Expired,
    Deleted,
}

/// Which keys to list: those of a status, or `any`.
#[derive(ToSchema)]
#[schema(as = KeyStatusFilter, rename_all = "lowercase")]
pub(crate) enum KeyStatusFilterWord {
    Active,
    Disabled,
    Expired,
    Deleted,
    Any,
}

/// Where a user is in its life.
#[derive(ToSchema)]
#[schema(as = UserStatus, rename_all = "lowercase")]
pub(crate) enum UserStatusWord {
    Active,
    Disabled,
    Deleted,
}

/// What a user may do: everything, or manage their own keys.
#[derive(ToSchema)]
#[schema(as = Role, rename_all = "lowercase")]
pub(crate) enum RoleWord {
    Admin,
    Member,
}

/// The width of a bucket of usage.
#[derive(ToSchema)]
#[schema(as = Period, rename_all = "lowercase")]
pub(crate) enum PeriodWord {
    Minute,
    Hour,
    Day,
}

/// Who acted: a user, the operator on the machine itself, or Keyward.
#[derive(ToSchema)]
#[schema(as = ActorKind, rename_all = "lowercase")]
pub(crate) enum ActorKindWord {
    User,
    Operator,
    System,
}

/// What something was done to.
#[derive(ToSchema)]
#[schema(as = TargetKind, rename_all = "lowercase")]
pub(crate) enum TargetKindWord {
    Key,
    User,
    Site,
}

/// Whether it was done.
#[derive(ToSchema)]
#[schema(as = AuditOutcome, rename_all = "lowercase")]
pub(crate) enum OutcomeWord {
    Done,
    Denied,
}

/// The form of an import.
#[derive(ToSchema)]
#[schema(as = ImportFormat, rename_all = "kebab-case")]
pub(crate) enum ImportFormatWord {
    Csv,
    Jsonl,
    NginxMap,
    Kong,
    Unkey,
}
