# The node-gyp build of the addon, used by prebuildify and as the last resort of scripts/build.mjs. It stands here and not
# at the package's root, where package managers would take it for an install script; scripts/stage.mjs copies it out.
{
  'targets': [{
    'target_name': 'tunstack_tun',
    'conditions': [['OS=="linux"', {
      'sources': [
        'src/native/addon.cc', 'src/native/device.cc', 'src/native/device_read.cc', 'src/native/device_write.cc',
        'src/native/netlink.cc', 'src/native/netns.cc', 'src/native/poller.cc', 'src/native/segments.cc',
        'src/native/tun_open.cc',
      ],
    }]],
    'include_dirs': ["<!(node -p \"require('node-addon-api').include_dir\")"],
    'defines': ['NAPI_VERSION=9', 'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS'],
    'cflags_cc!': ['-std=gnu++20', '-std=gnu++17'],
    # As scripts/build.mjs: what is published is compiled as what is tested here.
    'configurations': {'Release': {'cflags!': ['-O3', '-fno-omit-frame-pointer'], 'cflags': ['-O2']}},
    'cflags_cc': ['-std=c++17', '-fvisibility=hidden', '-Wall', '-Wextra'],
  }],
}
