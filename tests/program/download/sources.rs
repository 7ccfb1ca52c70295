// SPDX-License-Identifier: MPL-2.0
//! Downloads that go well.

use bytes::Bytes;

use super::{assert_installed, home, install, installed, named};
use support::http::{Reply, Server};
use support::program::{stderr, stdout, weights};

/// A download is installed and then removed; the second time nothing is downloaded, unless another
/// resize is asked for. Redirections are followed.
#[test]
fn install_from_a_url() {
    let (home, name) = (home(), named(weights()));
    let server = Server::start(|_, asked| match asked.line.contains("/there/") {
        true => Reply::file(asked, weights(), "v"),
        false => {
            let file = asked.line.split(' ').nth(1).expect("a path");
            Reply::new(302, "").header(format!("Location: /there{file}"))
        }
    });
    let url = server.url(&name);
    let output = install(home.path(), &url, &[]);
    assert_installed(home.path(), &output);
    let text = stderr(&output);
    assert!(text.contains(&format!("downloading {url} (102.")), "{text}");
    assert!(text.contains("downloaded 102."), "{text}");
    // Not at a terminal, there is no bar.
    assert!(!text.contains('\r') && !text.contains('\u{1b}'), "{text}");
    assert_eq!(server.exchanges().len(), 2);
    let before = std::fs::metadata(installed(home.path())).expect("there");

    let output = install(home.path(), &url, &[]);
    assert!(output.status.success(), "{output:?}");
    assert!(stdout(&output).contains("already installed"), "{output:?}");
    assert_eq!(server.exchanges().len(), 2);
    let after = std::fs::metadata(installed(home.path())).expect("there");
    assert_eq!(before.modified().ok(), after.modified().ok());

    let output = install(home.path(), &url, &["--resize", "232"]);
    assert_installed(home.path(), &output);
    assert!(stdout(&output).contains("resize 232"), "{output:?}");
    assert_eq!(server.exchanges().len(), 4);
}

/// From a hub the files beside the weights are fetched too, and what they say counts.
#[test]
fn install_from_a_hub() {
    let home = home();
    let server = Server::start(|_, asked| {
        let config = r#"{"architecture":"resnet50","pretrained_cfg":{"crop_pct":0.95,"interpolation":"bicubic","mean":[0.5,0.5,0.5]}}"#;
        match asked.line.split(' ').nth(1) {
            Some("/config.json") => Reply::whole(&Bytes::from_static(config.as_bytes())),
            Some("/model.safetensors") => Reply::file(asked, weights(), "v"),
            _ => Reply::new(404, ""),
        }
    });
    let output = install(home.path(), &server.url("model.safetensors"), &[]);
    assert_installed(home.path(), &output);
    let text = stdout(&output);
    assert!(text.contains("resize 235, crop 224, bicubic"), "{text}");
    assert!(
        text.contains("as timm's config.json beside the weights"),
        "{text}"
    );
    assert_eq!(server.exchanges().len(), 3);
}
