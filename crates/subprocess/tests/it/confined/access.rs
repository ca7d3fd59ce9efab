//! What a command within bounds may write and read.

use subprocess::Ended;

use super::{Ground, NO_LANDLOCK, NO_NAMESPACES, SECRET, both, mounts, restricted, text};

#[tokio::test]
async fn writes_inside_go_and_writes_outside_do_not() {
    for off in [&[][..], &[NO_NAMESPACES]] {
        let ground = Ground::new(off);
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
    for off in [&[][..], &[NO_NAMESPACES], &[NO_LANDLOCK]] {
        let ground = Ground::new(off);
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
        }
        if mounts(&output) {
            assert!(output.stdout.text().contains("instead"), "{said}");
        }
        assert_eq!(text(&ground.path("home/token")).as_deref(), Some(SECRET));
    }
}
