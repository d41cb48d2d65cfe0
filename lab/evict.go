package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// grace is how long a process may take to end after SIGTERM, and after SIGKILL.
const grace = 2 * time.Second

// fileID is what tells one namespace from another.
type fileID struct{ dev, ino uint64 }

func idOf(info os.FileInfo) fileID {
	st := info.Sys().(*syscall.Stat_t)
	return fileID{st.Dev, st.Ino}
}

// evict ends all processes whose main thread is in one of the namespaces: SIGTERM, then SIGKILL.
// They are found by where they are, so one that has made itself a daemon does not escape. The files
// keep the namespaces from ending, hence their numbers from meaning another.
func evict(files []*os.File) error {
	homes := make(map[fileID]bool)
	for _, f := range files {
		info, err := f.Stat()
		if err != nil {
			return fmt.Errorf("end processes: %w", err)
		}
		homes[idOf(info)] = true
	}
	start := time.Now()
	for left := signalThose(homes, syscall.SIGTERM); len(left) > 0; {
		time.Sleep(time.Millisecond)
		switch waited := time.Since(start); {
		case waited < grace:
			left = inhabitants(homes)
		case waited < 2*grace:
			left = signalThose(homes, syscall.SIGKILL)
		default:
			return fmt.Errorf("end processes: still running: %v", left)
		}
	}
	return nil
}

// inhabitants lists the processes, but for this one, that are in the namespaces.
func inhabitants(homes map[fileID]bool) []int {
	// Procs come and go: what cannot be read has just gone.
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var pids []int
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil && pid != os.Getpid() && livesIn(pid, homes) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func livesIn(pid int, homes map[fileID]bool) bool {
	info, err := os.Stat(fmt.Sprintf("/proc/%d/ns/net", pid))
	return err == nil && homes[idOf(info)]
}

// signalThose signals the processes in the namespaces, and lists them.
func signalThose(homes map[fileID]bool, sig os.Signal) []int {
	pids := inhabitants(homes)
	for _, pid := range pids {
		p, err := os.FindProcess(pid)
		if err != nil {
			continue
		}
		// FindProcess holds the process, not its number: seen here now, it is the one signalled.
		if livesIn(pid, homes) {
			_ = p.Signal(sig) // gone meanwhile, or found again by the caller
		}
		_ = p.Release()
	}
	return pids
}
