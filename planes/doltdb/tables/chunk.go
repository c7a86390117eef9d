package tables

import (
	"errors"
	"fmt"

	"github.com/dolthub/dolt/go/gen/fb/serial"
	"github.com/dolthub/dolt/go/store/chunks"
	"github.com/dolthub/dolt/go/store/hash"
	"github.com/dolthub/dolt/go/store/prolly/tree"
	"github.com/dolthub/dolt/go/store/types"

	"gastown/town"
)

// closureKey is the size of a key in the index of a commit's ancestors: a
// height and an address.
const closureKey = 8 + hash.ByteLen

// walkReferences calls back for every address that a chunk refers to.
var walkReferences = types.WalkAddrsForNBF(types.Format_DOLT, nil)

// checkChunk reads those parts of a chunk that the engine reads when it fetches
// from a remote. The engine reads them in goroutines of its own, where a panic
// over a malformed chunk would end the process; here it is contained.
func checkChunk(c chunks.Chunk) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New(town.Clip(fmt.Sprint(p), 200))
		}
		if err != nil {
			err = fmt.Errorf("%w: chunk %s is malformed: %w", ErrCorrupt, c.Hash(), err)
		}
	}()
	if c.Size() == 0 || c.Data()[0] != byte(serial.MessageTypesKind) {
		return errors.New("it is of no kind a database has")
	}
	if err := walkReferences(c, func(hash.Hash, bool) error { return nil }); err != nil {
		return err
	}
	return checkMessage(c.Data())
}

// checkMessage reads the parts of a message that are not references.
func checkMessage(data []byte) error {
	switch id := serial.GetFileID(data); id {
	case serial.CommitFileID:
		return checkCommit(data)
	case serial.TagFileID:
		m, err := serial.TryGetRootAsTag(data, serial.MessagePrefixSz)
		if err != nil {
			return err
		}
		_, _, _, _, _ = m.Name(), m.Email(), m.Desc(), m.TimestampMillis(), m.UserTimestampMillis()
	case serial.StoreRootFileID:
		m, err := serial.TryGetRootAsStoreRoot(data, serial.MessagePrefixSz)
		if err != nil || m.AddressMapLength() == 0 {
			return err
		}
		return checkNode(m.AddressMapBytes())
	case serial.RootValueFileID:
		m, err := serial.TryGetRootAsRootValue(data, serial.MessagePrefixSz)
		if err != nil {
			return err
		}
		_, _ = m.FeatureVersion(), m.Collation()
		return checkNode(m.TablesBytes())
	case serial.TableFileID:
		m, err := serial.TryGetRootAsTable(data, serial.MessagePrefixSz)
		if err != nil {
			return err
		}
		_ = m.AutoIncrementValue()
		return errors.Join(checkNode(m.SecondaryIndexesBytes()), checkNode(m.PrimaryIndexBytes()))
	case serial.ProllyTreeNodeFileID, serial.AddressMapFileID, serial.CommitClosureFileID, serial.MergeArtifactsFileID:
		return checkNode(data)
	}
	return nil
}

func checkCommit(data []byte) error {
	m, err := serial.TryGetRootAsCommit(data, serial.MessagePrefixSz)
	if err != nil {
		return err
	}
	_, _, _, _, _ = m.Height(), m.Name(), m.Email(), m.Description(), m.TimestampMillis()
	_, _, _, _ = m.UserTimestampMillis(), m.Signature(), m.CommitterName(), m.CommitterEmail()
	if m.ParentAddrsLength()%hash.ByteLen != 0 {
		return errors.New("its parents are no list of addresses")
	}
	return nil
}

// checkNode reads every entry of a node of a search tree.
func checkNode(data []byte) error {
	n, id, err := tree.NodeFromBytes(data)
	if err != nil {
		return err
	}
	for i := range n.Count() {
		key, value := n.GetKey(i), n.GetValue(i)
		if id == serial.CommitClosureFileID && len(key) != closureKey {
			return errors.New("it names an ancestor by something else than an address")
		}
		if (!n.IsLeaf() || id == serial.AddressMapFileID) && id != serial.CommitClosureFileID && len(value) != hash.ByteLen {
			return errors.New("it refers by something else than an address")
		}
	}
	if !n.IsLeaf() {
		_, err = n.LoadSubtrees()
	}
	return err
}
