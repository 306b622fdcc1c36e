//! Operations 15 to 18: who may make endpoints to a service.

use crate::model::resource::{
    Caller, PermissionId, Refusal, Resources, Service, ServiceId, Write,
    answer::{PermissionsAdded, PermissionsOf},
    check,
    item::Grant,
    request::{BatchAddPermissions, BatchRemovePermissions, PermissionsAction, UpdatePermissionDescription},
};

impl Resources {
    /// Operation 15. What is there already, or not there any more, is no error. Endpoints that there are stay.
    ///
    /// # Errors
    ///
    /// The service isn't the caller's or is the file's, there would be too many, or a value isn't allowed.
    pub fn change_permissions(
        &mut self,
        by: &Caller,
        at: u64,
        id: ServiceId,
        request: &PermissionsAction,
    ) -> Write<PermissionsAdded> {
        check::permission_type(request.permission_type.as_deref())?;
        let mut service = self.service_to_change(by, id)?;
        let adds = check::action(request.action.as_deref(), ["add", "remove"], "add or remove")?;
        check_some(&request.permissions)?;
        for text in &request.permissions {
            let permission = check::permission(text)?;
            if adds {
                grant(&mut service, permission, None, at)?;
            } else {
                service.permissions.retain(|grant| grant.permission != permission);
            }
        }
        self.put_permissions(service, at)?;
        let permission_type = "domainId".to_owned();
        Ok(PermissionsAdded { permissions: request.permissions.clone(), permission_type })
    }

    /// Operation 16. What is there already gets the new description.
    ///
    /// # Errors
    ///
    /// The service isn't the caller's or is the file's, there would be too many, or a value isn't allowed.
    pub fn add_permissions(
        &mut self,
        by: &Caller,
        at: u64,
        id: ServiceId,
        request: &BatchAddPermissions,
    ) -> Write<PermissionsOf> {
        check::permission_type(request.permission_type.as_deref())?;
        let mut service = self.service_to_change(by, id)?;
        check_some(&request.permissions)?;
        let mut permissions = Vec::with_capacity(request.permissions.len());
        for entry in &request.permissions {
            let permission = check::permission(&entry.permission)?;
            permissions.push(grant(&mut service, permission, entry.description.as_deref(), at)?.details());
        }
        self.put_permissions(service, at)?;
        Ok(PermissionsOf { permissions })
    }

    /// Operation 17. Endpoints that there are stay.
    ///
    /// # Errors
    ///
    /// The service isn't the caller's or is the file's, or has no such permission.
    pub fn remove_permissions(
        &mut self,
        by: &Caller,
        at: u64,
        id: ServiceId,
        request: &BatchRemovePermissions,
    ) -> Write<PermissionsOf> {
        let mut service = self.service_to_change(by, id)?;
        check_some(&request.permissions)?;
        let mut permissions = Vec::with_capacity(request.permissions.len());
        for entry in &request.permissions {
            let index = index_of(&service, entry.id.parse()?)?;
            permissions.push(service.permissions.remove(index).details());
        }
        self.put_permissions(service, at)?;
        Ok(PermissionsOf { permissions })
    }

    /// Operation 18.
    ///
    /// # Errors
    ///
    /// The service isn't the caller's or is the file's, has no such permission, or the text isn't allowed.
    pub fn update_permission_description(
        &mut self,
        by: &Caller,
        at: u64,
        id: ServiceId,
        permission: PermissionId,
        request: &UpdatePermissionDescription,
    ) -> Write<PermissionsOf> {
        let mut service = self.service_to_change(by, id)?;
        let index = index_of(&service, permission)?;
        service.permissions[index].description = check::description(request.permission.description.as_deref())?;
        let permissions = vec![service.permissions[index].details()];
        self.put_permissions(service, at)?;
        Ok(PermissionsOf { permissions })
    }

    fn put_permissions(&mut self, service: Service, at: u64) -> Write<()> {
        let (count, most) = (service.permissions.len(), self.limits.permissions);
        if count > most {
            return Err(Refusal::PermissionsTooMany { count, most });
        }
        self.put_service(Service { updated_at: at, ..service });
        Ok(())
    }
}

fn check_some<T>(permissions: &[T]) -> Result<(), Refusal> {
    let reason = "at least one is needed";
    if permissions.is_empty() { Err(Refusal::Permission { value: String::new(), reason }) } else { Ok(()) }
}

/// Adds a permission, or finds it. No description: the one that it has stays.
fn grant(
    service: &mut Service,
    permission: crate::model::Permission,
    description: Option<&str>,
    at: u64,
) -> Result<Grant, Refusal> {
    let description = description.map(|text| check::description(Some(text))).transpose()?;
    if let Some(there) = service.permissions.iter_mut().find(|grant| grant.permission == permission) {
        there.description = description.unwrap_or_else(|| there.description.clone());
        return Ok(there.clone());
    }
    let id = PermissionId::of(service.id, &permission.to_string());
    let grant = Grant { id, permission, description: description.unwrap_or_default(), created_at: at };
    service.permissions.push(grant.clone());
    Ok(grant)
}

fn index_of(service: &Service, id: PermissionId) -> Result<usize, Refusal> {
    service.permissions.iter().position(|grant| grant.id == id).ok_or_else(|| Refusal::absent("permission", &id))
}
