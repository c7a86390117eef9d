package shell

import "gastown/town/access"

// What a command may require its user to be allowed, as config/access.yaml grants it:
// the actions of package access, which says what each is for.
const (
	MayReadProgram     = access.ReadProgram
	MayReadTown        = access.ReadTown
	MayAdminTown       = access.AdminTown
	MayPromoteTown     = access.PromoteTown
	MayReadDeacon      = access.ReadDeacon
	MayAdminDeacon     = access.AdminDeacon
	MayReadFederation  = access.ReadFederation
	MayWriteFederation = access.WriteFederation
	MayRunHooks        = access.RunHooks
	MayReadLedger      = access.ReadLedger
	MayWriteLedger     = access.WriteLedger
	MayReadRig         = access.ReadRig
	MayAdminRig        = access.AdminRig
	MayReadCrew        = access.ReadCrew
	MayWriteCrew       = access.WriteCrew
	MayReadPolecat     = access.ReadPolecat
	MaySling           = access.SlingPolecat
	MayNuke            = access.NukePolecat
	MayDoWork          = access.DoWork
	MayReadSession     = access.ReadSession
	MayEnterSession    = access.EnterSession
	MayReadConvoy      = access.ReadConvoy
	MayWriteConvoy     = access.WriteConvoy
	MayReadMail        = access.ReadMail
	MayWriteMail       = access.WriteMail
	MayReadEscalation  = access.ReadEscalation
	MayWriteEscalation = access.WriteEscalation
	MayReadRefinery    = access.ReadRefinery
	MayWriteRefinery   = access.WriteRefinery
	MayAdminRefinery   = access.AdminRefinery
	MayReadWitness     = access.ReadWitness
	MayRunWitness      = access.RunWitness
	MayReadMayor       = access.ReadMayor
	MayAdminMayor      = access.AdminMayor
)
