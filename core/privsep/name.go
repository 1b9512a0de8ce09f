package privsep

import "os"

// Name sets the name of this process that ps and top show, at most 15 bytes. Who is started by way of
// /proc/self/exe is called "exe" before. Systems without /proc keep the name they have.
func Name(name string) { _ = os.WriteFile("/proc/self/comm", []byte(name), 0) }
