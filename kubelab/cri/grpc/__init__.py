"""The CRI over gRPC: a server in front of a simulated runtime, a client for any runtime. Both speak the wire of kubelet and crictl.

upstream: staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto, 1.28. This room is a door to the outside: it may use threads and sockets, and nothing
of the control plane imports it before somebody serves or connects. It needs the extra ``cri`` (grpcio, protobuf).
"""
