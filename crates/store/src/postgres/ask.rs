//! How a method of the port becomes one piece of work on one connection, with a bound on how long it may take.

/// Asks a connection that only reads.
macro_rules! read {
    ($self:ident, $module:ident :: $function:ident ( $($argument:expr),* )) => {{
        let mut lent = $self.reader().await?;
        let done = tokio::time::timeout($crate::postgres::lent::ANSWER, $module::$function(lent.connection(), $($argument),*)).await;
        lent.finish(done).await
    }};
}

/// Makes a change in one transaction.
macro_rules! change {
    ($self:ident, $module:ident :: $function:ident ( $($argument:expr),* )) => {{
        let mut write = $self.write().await?;
        let done = tokio::time::timeout($crate::postgres::lent::ANSWER, $module::$function(&mut write, $($argument),*)).await;
        write.finish(done).await
    }};
}

/// Notes something that is no change to what others read, in one transaction that waits for no change.
macro_rules! note {
    ($self:ident, $module:ident :: $function:ident ( $($argument:expr),* )) => {{
        let mut write = $self.note().await?;
        let done = tokio::time::timeout($crate::postgres::lent::ANSWER, $module::$function(&mut write, $($argument),*)).await;
        write.finish(done).await
    }};
}
pub(super) use {change, note, read};
