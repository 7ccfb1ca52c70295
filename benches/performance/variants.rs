// SPDX-License-Identifier: MPL-2.0
//! Variants and precisions of the network side by side, which the program measures.

use super::{Result, announce, models};

/// The section of `gst-resnet50 bench --compare`.
pub fn measure(rounds: u32) -> Result<String> {
    announce("variants and precisions");
    let mut bench = models::program();
    bench
        .args(["bench", "--compare", "v1,v1.5,fp16,int8", "--rounds"])
        .arg(rounds.to_string());
    let report = models::output(&mut bench)?;
    let begin = report.find("## ").ok_or("there is no section in it")?;
    Ok(format!("{}\n", report[begin..].trim_end()))
}
