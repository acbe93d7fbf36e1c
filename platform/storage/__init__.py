"""Storage: folders and files at URLs of object stores, used like local ones; a cache, mirrors of working folders, leases."""
