// The faults, a module each: `change` alters the parts of the service before they are put together, `lay` is SQL in the owner's name.
import { readdir } from 'node:fs/promises'
import pg from 'pg'

const HERE = new URL('.', import.meta.url)

async function names() {
  const files = await readdir(HERE)
  return files.filter(file => file.endsWith('.js') && file !== 'index.js').map(file => file.slice(0, -3)).sort()
}

async function faultOf(name) {
  if (!(await names()).includes(name)) throw new Error(`there is no fault ${name}; there are ${(await names()).join(', ')}`)
  return (await import(`./${name}.js`)).default
}

/** What each fault is in words, by its name. */
export async function everyFault() {
  const told = {}
  for (const name of await names()) {
    const { lay, change, ...words } = await faultOf(name)
    told[name] = words
  }
  return told
}

/** Faults with their values, as NAME or NAME=VALUE. */
export async function chosen(given) {
  return Promise.all(
    given.map(async text => {
      const [name, value] = text.split('=')
      const fault = await faultOf(name)
      const number = value === undefined ? fault.default : Number(value)
      if (!(number >= 0)) throw new Error(`${text}: ${fault.parameter}, zero or more`)
      return { fault, value: number }
    }),
  )
}

/** Execute the SQL of a fault; databases with faults are thrown away, so nothing undoes it. */
export async function lay(fault, value, url) {
  if (!fault.lay) return
  const owner = new pg.Client({ connectionString: url, application_name: 'depot owner' })
  await owner.connect()
  try {
    await owner.query(fault.lay(value))
  } finally {
    await owner.end()
  }
}
