//! One child process with all its descendants: started, bounded, watched, stopped, reaped.
