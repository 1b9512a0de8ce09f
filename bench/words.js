'use strict'
// The filter of bench/compare-filters for Haraka: twenty words in the Subject or the body are refused.

const words = ('viagra casino lottery pills loan winner rolex crypto bitcoin prince inheritance jackpot xanax cialis ' +
  'porn escort forex mlm weightloss debt').split(' ')
const any = new RegExp(words.join('|'), 'i')

exports.hook_data_post = function (next, connection) {
  const { header, message_stream: stream } = connection.transaction
  if (any.test(header.get('Subject'))) return next(DENY, 'message has a word that this site does not take')
  stream.get_data((data) => {
    const body = data.indexOf('\r\n\r\n')
    if (any.test(data.toString('latin1', body < 0 ? 0 : body))) return next(DENY, 'message has a word that this site does not take')
    next()
  })
}
