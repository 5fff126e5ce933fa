package clients

// Kind is one kind of provider.
type Kind struct {
	Open Open
	// Declaration is what sections of this kind stand upon: keys that hold where the
	// section, and the file that its key `declaration` names, say nothing. nil for a
	// kind that is written in Go alone, whose sections name no file.
	Declaration *Declaration
}

// Declaration is keys of a provider's section, written down elsewhere.
type Declaration struct {
	// Name is what it is called in mistakes, such as "preset ptv".
	Name string
	// Text is TOML: the keys of a section, without its header.
	Text []byte
}
