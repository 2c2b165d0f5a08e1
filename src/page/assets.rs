//! What pages load: compiled in, and named by their content, so that a browser can keep them for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::api::Failure;

/// A file with its name.
struct Asset {
    name: String,
    media_type: &'static str,
    content: &'static str,
}

pub(super) static STYLE: LazyLock<String> = LazyLock::new(|| path(&ASSETS[0]));
pub(super) static SCRIPT: LazyLock<String> = LazyLock::new(|| path(&ASSETS[1]));
pub(super) static ICON: LazyLock<String> = LazyLock::new(|| path(&ASSETS[2]));

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        asset(
            "page",
            "css",
            "text/css; charset=utf-8",
            include_str!("assets/page.css"),
        ),
        asset(
            "page",
            "js",
            "text/javascript; charset=utf-8",
            include_str!("assets/page.js"),
        ),
        asset("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg")),
    ]
});

fn asset(stem: &str, ending: &str, media_type: &'static str, content: &'static str) -> Asset {
    let digest = Sha256::digest(content.as_bytes());
    let name = digest[..6]
        .iter()
        .fold(format!("{stem}-"), |name, byte| format!("{name}{byte:02x}"));
    Asset {
        name: format!("{name}.{ending}"),
        media_type,
        content,
    }
}

fn path(asset: &Asset) -> String {
    format!("/assets/{}", asset.name)
}

/// `GET /assets/{name}`
pub(super) async fn serve(Path(name): Path<String>) -> Result<Response, Failure> {
    let asset = ASSETS
        .iter()
        .find(|asset| asset.name == name)
        .ok_or_else(Failure::missing)?;
    let headers = [
        (header::CONTENT_TYPE, asset.media_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, asset.content).into_response())
}
