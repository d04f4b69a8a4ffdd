//! `POST /v1/seal/rotate`: every secret is sealed with another key.

use actix_web::{HttpResponse, web::Data};

use super::{Admin, Refusal, asker::Asker, in_time};
use crate::{base::spawn::spawn, store::StoreError};

pub(super) async fn rotate(admin: Data<Admin>, asker: Asker) -> Result<HttpResponse, Refusal> {
    // It goes on when nobody waits for it any more: half-way, both keys are needed.
    let work = spawn(async move { admin.store.rotate_seal(asker.0).await });
    let rotated = in_time(async {
        match work.await {
            Ok(Ok(rotated)) => Ok(rotated),
            Ok(Err(StoreError::Refused(why))) => Err(Refusal::Conflict(why)),
            Ok(Err(error)) => Err(error.into()),
            Err(_stopped) => Err(Refusal::Closing),
        }
    })
    .await?;
    Ok(HttpResponse::Ok().json(rotated))
}
