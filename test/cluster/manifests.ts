/** Objects in the namespace `restricted`, where the restricted Pod Security Standard is enforced. */
export function namespace(name: string): string {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
}

/** A pod that runs one command to its end; `volume` names a claim that is mounted at /data. */
export function pod(name: string, image: string, args: readonly string[], volume?: string): object {
  const volumes = [
    { name: 'tmp', emptyDir: {} },
    ...(volume === undefined ? [] : [{ name: 'data', persistentVolumeClaim: { claimName: volume } }]),
  ];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'restricted' },
    spec: {
      restartPolicy: 'Never',
      securityContext: { runAsNonRoot: true, fsGroup: 10001, seccompProfile: { type: 'RuntimeDefault' } },
      volumes,
      containers: [
        {
          name: 'main',
          image,
          command: args,
          imagePullPolicy: 'Never',
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          volumeMounts: volumes.map(({ name }) => ({ name, mountPath: `/${name}` })),
        },
      ],
    },
  };
}

export function claim(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'restricted' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  };
}
