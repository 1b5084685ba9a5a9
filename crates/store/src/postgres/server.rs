//! What a server does otherwise than the manual advises: settings by which a crash could take back what was answered, and an account
//! that may do more than it needs.

use super::connection::Connection;
use super::fault::reading;
use crate::{ServerRemark, StoreError};
use sqlx::Row;

/// Settings without which an answer is no promise (docs/operations.md, "Durability").
const DURABLE: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];

pub(super) async fn remarks(connection: &mut Connection) -> Result<Vec<ServerRemark>, StoreError> {
    let mut remarks = Vec::new();
    for setting in DURABLE {
        let row = sqlx::query("SELECT current_setting($1) = 'off'")
            .bind(setting)
            .fetch_one(&mut *connection)
            .await
            .map_err(reading)?;
        if row.try_get(0).map_err(reading)? {
            remarks.push(ServerRemark {
                what: format!(
                    "`{setting}` is off: what was answered may be gone after a crash of the server"
                ),
                way_out: format!("set {setting} = on in postgresql.conf"),
            });
        }
    }
    let row = sqlx::query("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        .fetch_one(connection)
        .await
        .map_err(reading)?;
    if row.try_get(0).map_err(reading)? {
        remarks.push(ServerRemark {
            what: "the account is a superuser: it may do more than Keyward needs".to_owned(),
            way_out: "use a role that owns its database and is nothing more".to_owned(),
        });
    }
    Ok(remarks)
}
