/** A value of a property list. Dictionaries keep their order; nothing that a file names can be taken for something of ours. */
export type Plist = string | number | bigint | boolean | Date | Buffer | readonly Plist[] | PlistDictionary;

export type PlistDictionary = ReadonlyMap<string, Plist>;
