// SPDX-License-Identifier: MPL-2.0
//! Pickles that would have the reader do more than read.

use super::{archive, bytes, dict, error, tensor, text};

/// Whatever a pickle wants to call is named, and not called.
#[test]
fn calls() {
    let call = |name: &str| {
        format!("the pickle wants to call {name}; only tensors are read, and nothing is executed")
    };
    let reduce = b"cos\nsystem\n(X\x04\x00\x00\x00exittR";
    assert_eq!(error(archive(reduce)), call("os.system"));
    // In a place that nobody would look at.
    let hidden = [
        &dict("w", &tensor("0", 6, 0, &[6], &[1])),
        &reduce[..],
        b"b",
    ]
    .concat();
    assert_eq!(error(archive(&hidden)), call("os.system"));
    let stack = [
        text("builtins"),
        text("eval"),
        b"\x93".to_vec(),
        text("1"),
        b"\x85R".to_vec(),
    ];
    assert_eq!(error(archive(&stack.concat())), call("builtins.eval"));
    assert_eq!(error(archive(b"(iposix\nsystem\n")), call("posix.system"));
    assert_eq!(
        error(archive(b"(ctorch\nFloatStorage\no")),
        call("the class of float32 storages")
    );
    assert_eq!(
        error(archive(b"ccollections\nOrderedDict\n)\x81")),
        call("collections.OrderedDict")
    );
    assert_eq!(
        error(archive(b"ctorch\nFloatStorage\n)R")),
        call("the class of float32 storages")
    );
    assert_eq!(error(archive(b"ctorch\nload\n)R")), call("torch.load"));
    // The older format, too.
    let mut legacy = bytes("legacy.pth");
    legacy.truncate(15);
    legacy.extend(b"\x80\x02cos\nsystem\nX\x02\0\0\0ls\x85R.");
    assert_eq!(error(legacy), call("os.system"));
    // A terminal is not to be trusted with it.
    assert_eq!(error(archive(b"c\x1b[2J\nx\n")), call("\\u{1b}[2J.x"));
}

/// Programs that the machine must not follow.
#[test]
fn programs() {
    let wrong = |program: &[u8]| error(archive(program));
    assert_eq!(
        wrong(b"("),
        "data.pkl: before byte 4: an instruction takes more objects than there are"
    );
    assert_eq!(
        wrong(b"t"),
        "data.pkl: before byte 3: an instruction needs a mark, and there is none"
    );
    assert_eq!(wrong(b"h\x05"), "data.pkl: before byte 4: memo 5 is empty");
    assert_eq!(
        wrong(b"X\xff\xff\xff\xff"),
        "data.pkl is cut off: 4294967302 bytes expected, 8 found"
    );
    assert_eq!(
        wrong(b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff"),
        "data.pkl is cut off: 18446744073709551615 bytes expected, 12 found"
    );
    assert_eq!(
        wrong(b"X\x01\x00\x00\x00\xff"),
        "data.pkl: before byte 8: a text that is not UTF-8"
    );
    assert_eq!(
        wrong(b"\x80\x09"),
        "data.pkl: before byte 4: protocol 9, and 5 is the last"
    );
    assert_eq!(
        wrong(b"\xff"),
        "data.pkl: byte 2 is 0xff, an instruction that torch.save does not write"
    );
    assert_eq!(wrong(b"]"), "no state dict: the file has a list");
    assert_eq!(wrong(b"}"), "no state dict: the file has an empty dict");
    assert_eq!(
        wrong(b"}X\x03\x00\x00\x00accK\x01s"),
        "no state dict: the file has a dict without tensors, with acc"
    );
    // A dict that is its own state dict.
    let program = [b"}q\x00", &text("state_dict")[..], b"h\x00s"].concat();
    assert_eq!(wrong(&program), "no state dict: dicts lie in dicts, 4 deep");
    // The same name again.
    let one = tensor("0", 6, 0, &[6], &[1]);
    let twice = [b"}(", &text("w")[..], &one, &text("w"), &one, b"u"].concat();
    assert_eq!(wrong(&twice), "the dict has \"w\" twice");
}

/// Time and memory do not grow out of the file's proportions.
#[test]
fn bombs() {
    // A tuple of two of the previous one, and so on: 2^100000 items.
    let doubling = [b")".to_vec(), b"2\x86".repeat(100_000)].concat();
    assert_eq!(
        error(archive(&doubling)),
        "no state dict: the file has a tuple"
    );
    let deep = [b"(".repeat(300_000), b"t".repeat(300_000)].concat();
    assert_eq!(error(archive(&deep)), "no state dict: the file has a tuple");
    let lists = [b"]".to_vec(), b"]2a".repeat(100_000)].concat();
    error(archive(&lists));
    assert_eq!(
        error(archive(&b"N0".repeat(600_000))),
        "data.pkl has 1048577 instructions, and 1048576 are the limit"
    );
    // Any index of the memo, without a place for those before.
    assert_eq!(
        error(archive(b"Nr\xff\xff\xff\xff")),
        "no state dict: the file has None"
    );
    // A list that many ordered dicts are made of.
    let pair = [b"](]", &text("k")[..], b"a2ae"].concat();
    let dicts = b"0ccollections\nOrderedDict\nh\x00\x85R".repeat(10_000);
    error(archive(&[&pair[..], b"q\x00", &dicts].concat()));
    // A header of 32 MB that is one text.
    let long = [b"X\x00\x00\x00\x02".to_vec(), vec![b'a'; 1 << 25]].concat();
    assert_eq!(
        error(archive(&long)),
        "data.pkl has 33554439 bytes, and 16777216 are the limit"
    );
}
