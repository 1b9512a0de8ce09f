// Package value reads the values of parameters: numbers, times, sizes, yes and no.
//
// The forms are those of postconf(5): a boolean is "yes" or "no" in any case, a number has
// digits and perhaps a sign, a time is a number and one unit letter (s, m, h, d, w), or a number
// alone that counts the unit of the parameter's default. Bytes, which only parameters of mtad's
// own take, have a unit like KiB.
//
// # Invariants
//
// Nothing is guessed: what does not have the form, or does not fit, is an error.
//
// # Errors
//
// An error quotes the value and says what is expected; who calls adds the parameter's name.
package value
