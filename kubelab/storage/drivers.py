"""The provisioners that people's StorageClasses name: those that the lab stands in for, and those of 1.28 that moved out of tree.

upstream: staging/src/k8s.io/csi-translation-lib/plugins, pkg/volume/csimigration, 1.28; the classes of the documentation's examples.
"""

DYNAMIC = "lab.kubelab.dev/dynamic"

# in-tree name → the CSI driver that serves it since its migration is complete
MIGRATED = {
    "kubernetes.io/aws-ebs": "ebs.csi.aws.com",
    "kubernetes.io/azure-disk": "disk.csi.azure.com",
    "kubernetes.io/azure-file": "file.csi.azure.com",
    "kubernetes.io/cinder": "cinder.csi.openstack.org",
    "kubernetes.io/gce-pd": "pd.csi.storage.gke.io",
    "kubernetes.io/vsphere-volume": "csi.vsphere.vmware.com",
}

# what a workshop's manifests ask for in other people's clusters: the lab makes the same kind of volume for all of them
STOOD_IN_FOR = (
    DYNAMIC,
    *MIGRATED.values(),
    "k8s.io/minikube-hostpath",
    "rancher.io/local-path",
    "docker.io/hostpath",
    "microk8s.io/hostpath",
    "hostpath.csi.k8s.io",
)
