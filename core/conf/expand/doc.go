// Package expand puts the values of parameters in the place of their names.
//
// The language is that of postconf(5), "MAIN.CF FILE FORMAT":
//
//	$name  ${name}  $(name)     the value of name, itself expanded
//	${name?text}  ${name?{text}}    text when the value of name is not empty
//	${name:text}  ${name:{text}}    text when it is empty or name is not defined
//	${name?{text1}:{text2}}         one or the other
//	${{a} == {b} ? {text1} : {text2}}   also != < <= > >=
//	$$                          one dollar sign
//
// Two operands of digits alone compare as numbers, others as strings; an operator that ends in
// "level" (`<level`) compares compatibility levels part by part (3.6 < 3.11). A comparison that
// no ? or : follows is "true" or nothing.
//
// As in Postfix, ? and : look at the value of name before expansion: a name whose value is "$x"
// counts as not empty even when x is. A name that nobody defines expands to nothing.
//
// # Invariants
//
// Expand ends: values that refer to themselves are an error, and so are more than 100 levels,
// more than 10,000 references or a result of more than 1 MiB. Expand and References never panic.
//
// # Errors
//
// An error says what is wrong with the text and where, or which names make the loop. It does not
// know files and lines; who calls adds them.
package expand
