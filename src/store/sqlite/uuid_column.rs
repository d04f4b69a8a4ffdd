//! A public id as its column: 16 bytes.

use sqlx::{Decode, Sqlite, Type, error::BoxDynError, sqlite::SqliteTypeInfo};
use uuid::Uuid;

use crate::base::EventId;

/// An [`EventId`] that can be read from a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Id(pub(super) EventId);

impl Type<Sqlite> for Id {
    fn type_info() -> SqliteTypeInfo {
        <[u8] as Type<Sqlite>>::type_info()
    }

    fn compatible(ty: &SqliteTypeInfo) -> bool {
        <[u8] as Type<Sqlite>>::compatible(ty)
    }
}

impl<'r> Decode<'r, Sqlite> for Id {
    fn decode(value: <Sqlite as sqlx::Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        let bytes = <&[u8] as Decode<Sqlite>>::decode(value)?;
        Ok(Self(EventId(Uuid::from_slice(bytes)?)))
    }
}
