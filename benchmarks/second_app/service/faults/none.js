export default { summary: 'nothing is wrong', parameter: '', default: 1 }
