// SPDX-License-Identifier: MPL-2.0
//! A system in a folder: how it is made, and how a program runs in it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};

use super::system::System;
use crate::process;

/// Where the packages come from, unless `$DEBIAN_MIRROR` names another place.
const MIRROR: &str = "http://deb.debian.org/debian";

/// From this age on a kept folder is made anew, as its packages are old.
const MAX_AGE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// In a kept folder: the packages that were asked for. It is written last.
const STAMP: &str = "etc/gst-resnet50-packages";

/// How the names of folders begin that are removed in the end.
const FRESH: &str = ".fresh-";

/// A folder of the host that a program sees inside, at the same path.
#[derive(Clone, Debug)]
pub struct Bind {
    from: PathBuf,
    to: PathBuf,
    is_read_only: bool,
}

impl Bind {
    /// A folder that the program may change.
    pub fn writable(folder: impl Into<PathBuf>) -> Self {
        let from = folder.into();
        Self {
            to: from.clone(),
            from,
            is_read_only: false,
        }
    }

    /// A folder that it may only read.
    pub fn read_only(folder: impl Into<PathBuf>) -> Self {
        Self {
            is_read_only: true,
            ..Self::writable(folder)
        }
    }

    /// The same folder at another path inside.
    pub fn at(self, to: impl Into<PathBuf>) -> Self {
        Self {
            to: to.into(),
            ..self
        }
    }
}

/// A system in a folder.
#[derive(Debug)]
pub struct Root {
    folder: PathBuf,
    /// Of a folder that is removed in the end, before the lock is given up.
    _scratch: Option<tempfile::TempDir>,
    /// As long as it is held, nobody replaces or removes the folder.
    _lock: File,
}

impl Root {
    /// The system with these packages in a folder that is kept for the next time, in the user's
    /// cache. It is made anew where other packages are asked for, or when it has become old.
    pub fn kept(system: &System, packages: &[&str]) -> Result<Self> {
        let cache = cache()?;
        let folder = cache.join(system.suite);
        let lock = cache.join(format!("{}.lock", system.suite));
        let lock = File::create(&lock).with_context(|| cannot_make(&lock))?;
        if lock.try_lock().is_err() {
            println!("{}: waiting for another run that uses it", system.suite);
            lock.lock()?;
        }
        let has_packages = has_packages(&folder, packages);
        if !(has_packages && is_young(&folder)) {
            match replace(system, packages, &cache, &folder) {
                Err(error) if has_packages => {
                    println!("{}: {error:#}; going on with the old one", system.suite);
                }
                result => result?,
            }
        }
        // The machine may be in another network by now.
        copy_names(&folder)?;
        // Others may use the folder beside us.
        lock.unlock()?;
        lock.lock_shared()?;
        Ok(Self {
            folder,
            _lock: lock,
            _scratch: None,
        })
    }

    /// The system with nothing but these packages in a folder of its own, which is removed in the
    /// end.
    pub fn fresh(system: &System, packages: &[&str]) -> Result<Self> {
        let cache = cache()?;
        let lock = cache.join("fresh.lock");
        let lock = File::create(&lock).with_context(|| cannot_make(&lock))?;
        if lock.try_lock().is_ok() {
            // Nobody is at work on what interrupted runs have left.
            remove_begun(&cache, FRESH)?;
            lock.unlock()?;
        }
        lock.lock_shared()?;
        let scratch = scratch(&cache, FRESH)?;
        make(system, packages, scratch.path())?;
        Ok(Self {
            folder: scratch.path().to_owned(),
            _lock: lock,
            _scratch: Some(scratch),
        })
    }

    /// The system in a folder that somebody else has made.
    pub fn existing(folder: &Path) -> Result<Self> {
        let lock = File::open(folder).with_context(|| format!("no {}", folder.display()))?;
        lock.lock_shared()?;
        Ok(Self {
            folder: folder.to_owned(),
            _lock: lock,
            _scratch: None,
        })
    }

    /// The folder, whose parts of the system may be read and changed directly.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A command that runs a program inside, in the folder `current` as it is named there. Its
    /// environment is empty but for what every program needs and for the proxies; arguments and
    /// variables can be added as to any command, but not `current_dir`.
    pub fn command(&self, binds: &[Bind], current: &Path, program: &str) -> Command {
        inside(&self.folder, binds, current, program)
    }

    /// Installs packages, or files of packages (paths inside that begin with a slash).
    pub fn install(&self, packages: &[&str]) -> Result<()> {
        install(&self.folder, packages)
    }
}

/// Gives a system this machine's way to find others by their names.
fn copy_names(folder: &Path) -> Result<()> {
    for file in ["etc/resolv.conf", "etc/hosts"] {
        let from = Path::new("/").join(file);
        if from.exists() {
            let to = folder.join(file);
            fs::copy(&from, &to).with_context(|| format!("cannot write {}", to.display()))?;
        }
    }
    Ok(())
}

/// What is missing on this machine for a folder to be made and used, in one line.
pub fn obstacle() -> Option<String> {
    let can = |program: &str, args: &[&str]| process::succeeds(Command::new(program).args(args));
    if !can("unshare", &["--mount", "true"]) {
        Some("it takes root, with the right to mount: run this as root".to_owned())
    } else if !can("debootstrap", &["--version"]) {
        Some("debootstrap is missing: install it (`cargo xtask setup --tests` does)".to_owned())
    } else {
        None
    }
}

/// Where folders are kept: `$XDG_CACHE_HOME/gst-resnet50/systems`.
fn cache() -> Result<PathBuf> {
    let absolute = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|it| it.is_absolute())
    };
    let cache = match absolute("XDG_CACHE_HOME") {
        Some(folder) => folder,
        None => absolute("HOME")
            .context("neither HOME nor XDG_CACHE_HOME is an absolute path: set one of them")?
            .join(".cache"),
    };
    let folder = cache.join("gst-resnet50/systems");
    fs::create_dir_all(&folder).with_context(|| cannot_make(&folder))?;
    Ok(folder)
}

fn cannot_make(path: &Path) -> String {
    format!("cannot make {}", path.display())
}

fn scratch(folder: &Path, prefix: &str) -> Result<tempfile::TempDir> {
    let scratch = tempfile::Builder::new()
        .prefix(prefix)
        // The programs inside that are not root's must get in.
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in(folder);
    scratch.with_context(|| cannot_make(folder))
}

/// Whether the folder was made whole, with these packages.
fn has_packages(folder: &Path, packages: &[&str]) -> bool {
    fs::read_to_string(folder.join(STAMP)).is_ok_and(|it| it == stamp(packages))
}

fn is_young(folder: &Path) -> bool {
    let made = fs::metadata(folder.join(STAMP)).and_then(|it| it.modified());
    made.is_ok_and(|made| {
        let age = SystemTime::now().duration_since(made);
        age.is_ok_and(|age| age < MAX_AGE)
    })
}

fn stamp(packages: &[&str]) -> String {
    packages.join("\n")
}

/// Makes a system and puts it into the place of the one in `folder`, if there is one.
fn replace(system: &System, packages: &[&str], cache: &Path, folder: &Path) -> Result<()> {
    let prefix = format!(".new-{}-", system.suite);
    // What an interrupted run has left; with the lock, nobody is at work on it.
    remove_begun(cache, &prefix)?;
    let new = scratch(cache, &prefix)?;
    make(system, packages, new.path())?;
    fs::write(new.path().join(STAMP), stamp(packages))?;
    if folder.exists() {
        remove(folder)?;
    }
    fs::rename(new.path(), folder).with_context(|| cannot_make(folder))?;
    // Under its old name there is nothing left to remove.
    let _ = new.keep();
    Ok(())
}

/// Removes the folders in `cache` whose names begin so.
fn remove_begun(cache: &Path, prefix: &str) -> Result<()> {
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a folder, in which nobody may have mounted anything.
fn remove(folder: &Path) -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").context("cannot read the mounts")?;
    if let Some(mount) = mount_under(&mounts, folder) {
        bail!("not removed, as something is mounted there: {mount}");
    }
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}

/// The first mount point in the folder, by Linux's list of them.
fn mount_under<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    let mut points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    points.find(|point| Path::new(point).starts_with(folder))
}

/// Makes the system in an empty folder.
fn make(system: &System, packages: &[&str], folder: &Path) -> Result<()> {
    if let Some(obstacle) = obstacle() {
        bail!("{obstacle}");
    }
    println!(
        "{}: making {} in {} (some minutes)",
        system.suite,
        system.name,
        folder.display()
    );
    let mirror = std::env::var("DEBIAN_MIRROR").unwrap_or_else(|_| MIRROR.to_owned());
    // It mounts /proc and /sys there for a while; so they vanish with it.
    let mut debootstrap = Command::new("unshare");
    debootstrap
        .args(["--mount", "debootstrap", "--variant=minbase", system.suite])
        .arg(folder)
        .arg(&mirror);
    quietly(&mut debootstrap)?;
    let sources = format!("deb {mirror} {} main\n", system.suite);
    for (file, content) in [
        ("etc/apt/sources.list", &*sources),
        // A mirror may be a frozen copy, whose signature counts although its date is over.
        (
            "etc/apt/apt.conf.d/90-gst-resnet50",
            "Acquire::Check-Valid-Until \"false\";\nAcquire::Retries \"3\";\n",
        ),
        // Nothing of the folder must survive a loss of power.
        ("etc/dpkg/dpkg.cfg.d/90-gst-resnet50", "force-unsafe-io\n"),
        // Servers are not started on installation.
        ("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n"),
    ] {
        let path = folder.join(file);
        fs::write(&path, content).with_context(|| cannot_make(&path))?;
    }
    copy_names(folder)?;
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.join("usr/sbin/policy-rc.d"), executable)?;
    if !packages.is_empty() {
        install(folder, packages)?;
    }
    Ok(())
}

fn install(folder: &Path, packages: &[&str]) -> Result<()> {
    let apt = || {
        let mut apt = inside(folder, &[], Path::new("/"), "apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet");
        apt
    };
    quietly(apt().arg("update"))?;
    quietly(
        apt()
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages),
    )?;
    quietly(apt().arg("clean"))
}

/// Shows the output only if the command fails.
pub fn quietly(command: &mut Command) -> Result<()> {
    let output = process::output(command.stdin(Stdio::null()))?;
    if !output.status.success() {
        print!("{}", String::from_utf8_lossy(&output.stdout));
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
    }
    ensure!(
        output.status.success(),
        "`{}` failed ({})",
        line(command),
        output.status
    );
    Ok(())
}

/// A command as one would type it inside, for messages.
pub fn line(command: &Command) -> String {
    let mut args = command.get_args().skip_while(|arg| *arg != SCRIPT);
    if args.by_ref().any(|arg| arg == "--") {
        let typed: Vec<_> = args.skip(1).map(|arg| arg.to_string_lossy()).collect();
        typed.join(" ")
    } else {
        process::line(command)
    }
}

/// Run in a mount namespace of its own, with the folder, the binds as triples, `--`, the current
/// folder, and the program with its arguments. The terminals are those of a devpts of its own.
const SCRIPT: &str = r#"
root=$1
shift
mount -t proc proc "$root/proc"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
while [ "$1" != -- ]; do
    mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
    [ "$3" = writable ] || mount -o "remount,bind,$3" "$root$2"
    shift 3
done
shift
exec chroot "$root" /usr/bin/env --chdir="$@"
"#;

/// Variables of the caller that a program inside gets as well.
const PASSED: [&str; 7] = [
    "HOME",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];

fn inside(folder: &Path, binds: &[Bind], current: &Path, program: &str) -> Command {
    let mut command = Command::new("unshare");
    command
        .env_clear()
        .env("LANG", "C.UTF-8")
        .env("PATH", SYSTEM_PATH)
        .args(["--mount", "--propagation", "private", "--"])
        .args(["sh", "-euc", SCRIPT, "sh"])
        .arg(folder);
    for name in PASSED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    for bind in binds {
        let mode = if bind.is_read_only { "ro" } else { "writable" };
        command.args([&bind.from, &bind.to]).arg(mode);
    }
    command.arg("--").arg(current).arg(program);
    command
}

/// Where the system's programs are.
pub const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A search path with a folder before the system's.
pub fn path_with(folder: &Path) -> OsString {
    let mut path = folder.as_os_str().to_owned();
    path.push(":");
    path.push(SYSTEM_PATH);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mount point in the folder is found, one beside it with a longer name is not.
    #[test]
    fn finds_mounts() {
        let mounts = "22 1 254:0 / / rw - ext4 /dev/vda rw\n\
            30 22 0:21 / /cache/trixie-2/proc rw - proc proc rw\n\
            31 22 0:21 / /cache/sid/proc rw - proc proc rw\n";
        let found = |folder| mount_under(mounts, Path::new(folder));
        assert_eq!(found("/cache/trixie"), None);
        assert_eq!(found("/cache/sid"), Some("/cache/sid/proc"));
        assert_eq!(found("/cache/sid/proc"), Some("/cache/sid/proc"));
    }

    /// Other packages, or no whole folder, are not what was asked for; an old folder is made anew.
    #[test]
    fn knows_what_is_there() -> Result<()> {
        let folder = tempfile::tempdir()?;
        assert!(!has_packages(folder.path(), &["gcc"]) && !is_young(folder.path()));
        fs::create_dir(folder.path().join("etc"))?;
        let file = folder.path().join(STAMP);
        fs::write(&file, stamp(&["gcc", "xvfb"]))?;
        assert!(has_packages(folder.path(), &["gcc", "xvfb"]));
        assert!(!has_packages(folder.path(), &["gcc"]));
        assert!(is_young(folder.path()));
        let file = File::options().write(true).open(file)?;
        file.set_modified(SystemTime::now() - MAX_AGE)?;
        assert!(!is_young(folder.path()));
        Ok(())
    }

    /// The command line that the script reads: folder, binds, current folder, program, and what is
    /// added to it.
    #[test]
    fn composes_a_command() {
        let binds = [
            Bind::read_only("/toolchain"),
            Bind::writable("/here").at("/there"),
        ];
        let mut command = inside(Path::new("/root"), &binds, Path::new("/there"), "cargo");
        command.arg("test");
        let args: Vec<_> = command.get_args().skip(8).collect();
        let expected = [
            "/root",
            "/toolchain",
            "/toolchain",
            "ro",
            "/here",
            "/there",
            "writable",
            "--",
            "/there",
            "cargo",
            "test",
        ];
        assert_eq!(args, expected);
        assert_eq!(command.get_args().nth(7), Some("sh".as_ref()));
    }
}
