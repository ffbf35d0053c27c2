package kube

import "github.com/evenkeel/evenkeel/estate"

// The kinds of what is in a cluster.
const (
	Cluster          estate.Kind = "kubernetes-cluster"
	Node             estate.Kind = "node"
	Namespace        estate.Kind = "namespace"
	Workload         estate.Kind = "workload"
	Pod              estate.Kind = "pod"
	Service          estate.Kind = "service"
	Ingress          estate.Kind = "ingress"
	NetworkPolicy    estate.Kind = "network-policy"
	Claim            estate.Kind = "claim"
	PersistentVolume estate.Kind = "persistent-volume"
	Autoscaler       estate.Kind = "autoscaler"
	Budget           estate.Kind = "disruption-budget"
	Quota            estate.Kind = "quota"
	ConfigMap        estate.Kind = "config-map"
	Secret           estate.Kind = "secret"
	RoleBinding      estate.Kind = "role-binding"
	Webhook          estate.Kind = "webhook"
	APIService       estate.Kind = "api-service"
	Release          estate.Kind = "release"

	LimitRange         estate.Kind = "limit-range"
	ServiceAccount     estate.Kind = "service-account"
	VerticalAutoscaler estate.Kind = "vertical-autoscaler"
	ClusterAutoscaler  estate.Kind = "cluster-autoscaler"
	Definition         estate.Kind = "custom-resource-definition"
	StorageClass       estate.Kind = "storage-class"
	StorageDriver      estate.Kind = "storage-driver"
	Snapshot           estate.Kind = "volume-snapshot"
	NodePool           estate.Kind = "node-pool"
	NodeClaim          estate.Kind = "node-claim"
	VirtualService     estate.Kind = "virtual-service"
	DestinationRule    estate.Kind = "destination-rule"
	MeshGateway        estate.Kind = "mesh-gateway"
	PeerAuthentication estate.Kind = "peer-authentication"
	MeshServer         estate.Kind = "mesh-server"
	ServiceProfile     estate.Kind = "service-profile"
)

// How they hang together, beside estate.Owns, RunsOn and PartOf.
const (
	In        estate.RelationKind = "in"
	Mounts    estate.RelationKind = "mounts"
	Binds     estate.RelationKind = "binds"
	RoutesTo  estate.RelationKind = "routes-to"
	ScaledBy  estate.RelationKind = "scaled-by"
	LimitedBy estate.RelationKind = "limited-by"
	AllowedBy estate.RelationKind = "allowed-by"
	RunsAs    estate.RelationKind = "runs-as" // -> a service account
	CopyOf    estate.RelationKind = "copy-of" // a snapshot -> its claim
)
