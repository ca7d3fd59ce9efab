//! What a command within bounds may write and read.

use subprocess::Ended;

use super::{
    Ground, NO_LANDLOCK, NO_NAMESPACES, SECRET, User, both, each, mounts, restricted, text,
};

#[tokio::test]
async fn writes_inside_go_and_writes_outside_do_not() {
    for (user, off) in each(&[&[], &[NO_NAMESPACES]]) {
        let ground = Ground::new(user, off);
        let output = ground
            .run(
                "mkdir a && echo one > a/one && mv a/one $top/cache/two && ln $top/cache/two a/three \
                 && ln -s three a/four && : > $top/cache/two && rm -r $top/cache/two && echo inside\n\
                 echo x > $top/home/new; echo x >> $top/home/plain; true > $top/home/plain\n\
                 rm $top/home/plain; mv $top/home/plain $top/work/; ln $top/home/plain ./\n\
                 mkdir $top/home/dir; truncate -s 0 $top/home/plain; touch /etc/belay-no-such\n\
                 echo outside",
            )
            .await;
        let said = both(&output);
        assert!(output.stdout.text().contains("inside\n"), "{said}");
        assert!(output.stdout.text().contains("outside\n"), "{said}");
        assert_eq!(output.ended, Ended::Exited(0), "{said}");
        if restricted(&output) {
            assert_eq!(text(&ground.path("home/plain")).as_deref(), Some("plain"), "{said}");
            assert!(!ground.path("home/new").exists() && !ground.path("home/dir").exists());
        }
    }
}

#[tokio::test]
async fn what_is_unreadable_stays_so_by_every_path() {
    for (user, off) in each(&[&[], &[NO_NAMESPACES], &[NO_LANDLOCK]]) {
        let ground = Ground::new(user, off);
        let output = ground
            .run(
                "ln -s $top/home/.ssh link; ln -s $top/home link2\n\
                 cat $top/home/.ssh/id $top/home/token link/id link2/token\n\
                 cat /proc/self/root$top/home/token /proc/1/root$top/home/token\n\
                 cat $top/home/../home/.ssh/id; cat < $top/home/token; cp $top/home/token .; cat token\n\
                 ln $top/home/token ./hard; cat hard; mv $top/home/token moved; cat moved\n\
                 mkdir mnt; mount --bind $top/home mnt; cat mnt/token; umount $top/home/token\n\
                 unshare -rm sh -c \"umount $top/home/token; cat $top/home/token\"\n\
                 cat $top/home/shown; cat $top/home/plain; echo end",
            )
            .await;
        let said = both(&output);
        assert!(output.stdout.text().ends_with("plainend\n"), "{said}");
        if restricted(&output) || mounts(&output) {
            assert!(!said.contains(SECRET), "{off:?}: {said}");
            assert_eq!(text(&ground.path("home/token")).as_deref(), Some(SECRET));
        }
        if mounts(&output) {
            assert!(output.stdout.text().contains("instead"), "{said}");
        }
    }
}

#[tokio::test]
async fn devices_shared_memory_and_sockets_of_its_own_can_be_used() {
    for (user, off) in each(&[&[], &[NO_NAMESPACES]]) {
        let ground = Ground::new(user, off);
        let output = ground
            .run(
                "echo x > /dev/null && head -c 1 /dev/zero > zero && mktemp -p /dev/shm > name \
                 && rm \"$(cat name)\" && mkfifo fifo && echo devices\n\
                 echo x > /dev/full || echo full\n\
                 mknod $top/work/device c 1 3 && echo made\n\
                 head -c 1 /dev/stdin | wc -c",
            )
            .await;
        let said = both(&output);
        assert!(output.stdout.text().starts_with("devices\nfull\n"), "{said}");
        assert!(output.stdout.text().ends_with("0\n"), "no input: {said}");
        assert!(!restricted(&output) || !said.contains("made"), "{said}");
    }
}

/// A key in a folder that may be written is the hard case: it needs a cover.
#[tokio::test]
async fn a_key_in_a_folder_that_may_be_written_is_unreadable_too() {
    for (user, off) in each(&[&[], &[NO_NAMESPACES], &[NO_LANDLOCK]]) {
        let mut ground = Ground::new(user, off);
        ground.bounds.writable.push(ground.path("home"));
        let output = ground
            .run(
                "cat $top/home/token; mkdir -p $top/home/sub; mv $top/home/token $top/home/sub/t\n\
                 cat $top/home/sub/t; ln $top/home/token $top/work/t; cat $top/work/t\n\
                 mv $top/home $top/home2; cat $top/home2/token; mv $top/home2 $top/home\n\
                 echo new > $top/home/new; cat $top/home/new",
            )
            .await;
        let said = both(&output);
        if restricted(&output) || mounts(&output) {
            assert!(!said.contains(SECRET), "{off:?}: {said}");
        }
        assert_eq!(text(&ground.path("home/new")).as_deref(), Some("new\n"), "{said}");
        let support = output.confined.clone().unwrap();
        if support.mount_namespace {
            assert!(output.stdout.text().ends_with("new\n"), "{said}");
        } else if support.landlock.is_some() {
            let note = "files made later there cannot be";
            assert!(support.to_string().contains(note), "{support}");
        }
    }
}

#[tokio::test]
async fn what_restricts_a_command_is_told() {
    let ground = Ground::new(User::This, &[]);
    let output = ground.run("true").await;
    let here = output.confined.unwrap();
    assert_eq!(here.landlock, subprocess::confined::support().landlock, "{here}");
    let ground = Ground::new(User::This, &[NO_NAMESPACES, NO_LANDLOCK]);
    let output = ground.run("cat $top/home/token; echo x > $top/home/new").await;
    let support = output.confined.clone().unwrap();
    assert!(!support.pid_namespace && support.landlock.is_none(), "{support}");
    assert!(support.to_string().contains("Landlock is switched off"), "{support}");
    assert!(support.to_string().contains("namespaces are switched off"), "{support}");
    // The command is run as if there were no bounds.
    assert_eq!(output.stdout.text(), SECRET);
    assert!(ground.path("new").exists() || ground.path("home/new").exists());
    let free = crate::sh("true", &ground.path("work"));
    let free = subprocess::run(&free, &tokio_util::sync::CancellationToken::new()).await.unwrap();
    assert_eq!(free.confined, None);
}
