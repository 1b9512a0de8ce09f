package dns

// NewNativeDialing is newNative: tests say where the system's queries go.
var NewNativeDialing = newNative
